"""The setting that targets of every provider have: how long what is no longer declared stays there, disabled."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from reconciler.model.forms import Target
from reconciler.model.provider import ProviderRules

_MOST_HOURS = 8760
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "graceHours": {
            "type": "integer",
            "minimum": 0,
            "maximum": _MOST_HOURS,
            "description": "A job that is no longer declared is disabled for so long before it is deleted; 0: at once.",
        },
    },
    "unevaluatedProperties": False,
    "description": "How jobs of this target go that are no longer declared, whatever reconciler.toml says.",
}


def with_prune(rules: ProviderRules) -> ProviderRules:
    """Return the rules with the setting among those of the provider."""
    schema = rules.settings_schema
    return replace(rules, settings_schema={**schema, "properties": {**schema["properties"], "prune": _SCHEMA}})


def graces_of(declared: Mapping[str, Target]) -> dict[str, timedelta]:
    """Return the graces that targets set for themselves, by name."""
    found = {name: (target.settings.get("prune") or {}).get("graceHours") for name, target in declared.items()}
    return {name: timedelta(hours=hours) for name, hours in found.items() if hours is not None}

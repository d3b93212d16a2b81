"""The providers there are, and opening the targets that are configured."""

from collections.abc import Mapping
from pathlib import Path

from reconciler.model.errors import UsageError
from reconciler.model.forms import Target
from reconciler.model.instant import Clock
from reconciler.model.provider import ProviderRules
from reconciler.model.settings import Settings
from reconciler.targets.local.rules import LOCAL_RULES, accounts_of, http_settings
from reconciler.targets.protocol import LiveTarget

LOCAL = "local"


def provider_rules() -> Mapping[str, ProviderRules]:
    """Return what each provider says about definitions, by its name."""
    return {LOCAL_RULES.name: LOCAL_RULES}


def open_targets(
    declared: Mapping[str, Target],
    *,
    folder: Path,
    settings: Settings,
    environment: Mapping[str, str],
    host: str,
    clock: Clock,
) -> dict[str, LiveTarget]:
    """Return the targets to talk to, by name; `local` is there without being declared. Connects to nothing yet.

    ``folder`` is where local targets keep their runs; ``environment`` is what their runs are given a part of.
    """
    # Here and not above: what talks to targets costs more to import than a validation takes.
    from reconciler.targets.local.target import LocalTarget  # noqa: PLC0415

    targets: dict[str, LiveTarget] = {}
    for name, target in {LOCAL: Target(id=LOCAL, provider=LOCAL), **declared}.items():
        if target.provider != LOCAL:
            raise UsageError(f"target {name}: unknown provider {target.provider}", hint="Known: local.")
        targets[name] = LocalTarget(
            name,
            folder=folder / "engine",
            settings=settings.engine,
            environment=environment,
            host=host,
            clock=clock,
            http=http_settings(target),
            accounts=accounts_of(target),
        )
    return targets

"""Targets against what their providers say about settings."""

from collections.abc import Mapping

from reconciler.definitions.document import Document, path_steps
from reconciler.definitions.schemas import Verdict
from reconciler.definitions.suggest import did_you_mean, listed, quote
from reconciler.model.forms import Target
from reconciler.model.problem import Problem
from reconciler.model.provider import Finding, ProviderRules


class TargetChecks:
    """Checks targets; the schema of each provider is made ready once."""

    def __init__(self, providers: Mapping[str, ProviderRules]) -> None:
        self._providers = providers
        self._verdicts: dict[str, Verdict] = {}

    def check(self, target: Target) -> list[Finding]:
        """Return what is wrong with the provider of ``target``; its settings are not looked at."""
        if target.id == "local" and target.provider != "local":
            message = f"the target `local` is this machine, its provider cannot be {quote(target.provider)}"
            return [Finding(code="REF005", json_path="provider", message=message, hint="Give it another id.")]
        if target.provider in self._providers:
            return []
        message = f"unknown provider {quote(target.provider)}{did_you_mean(target.provider, self._providers)}"
        hint = f"Known: {listed(self._providers)}."
        return [Finding(code="REF005", json_path="provider", message=message, hint=hint)]

    def accepts_settings(self, target: Target) -> bool:
        """True where the settings keep the provider's schema; of an unknown provider nothing can be said."""
        rules = self._providers.get(target.provider)
        if rules is None:
            return True
        if rules.name not in self._verdicts:
            self._verdicts[rules.name] = Verdict(rules.settings_schema)
        return self._verdicts[rules.name].accepts(target.settings)

    def settings_problems(self, target: Target, document: Document, damaged: tuple[str, ...]) -> list[Problem]:
        """Return what is wrong with the settings, at their places in the target's file."""
        # Late: jsonschema takes longer to import than a good file to check.
        from reconciler.definitions.schema_words import explain_faults  # noqa: PLC0415

        schema = self._providers[target.provider].settings_schema
        document.damaged |= {path_steps(path) for path in damaged}
        return explain_faults(schema, target.settings, document, noun="target", base=("settings",))

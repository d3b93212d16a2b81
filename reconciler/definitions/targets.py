"""Targets against what their providers say about settings."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from posixpath import normpath

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
        """Return what is wrong with the provider of ``target``; nothing else of it is looked at."""
        if target.id == "local" and target.provider != "local":
            message = f"the target `local` is this machine, its provider cannot be {quote(target.provider)}"
            return [Finding(code="REF005", json_path="provider", message=message, hint="Give it another id.")]
        if target.provider in self._providers:
            return []
        message = f"unknown provider {quote(target.provider)}{did_you_mean(target.provider, self._providers)}"
        hint = f"Known: {listed(self._providers)}."
        return [Finding(code="REF005", json_path="provider", message=message, hint=hint)]

    def check_contents(self, target: Target) -> list[Finding]:
        """Return what the provider says of the file of ``target``; no schema is looked at."""
        rules = self._providers.get(target.provider)
        return list(rules.check_target(target)) if rules is not None and rules.check_target is not None else []

    def check_folders(self, targets: Mapping[str, Target]) -> Iterator[tuple[str, Finding]]:
        """Yield (target, finding) for each whose folder is another's too, or lies in it: each would undo the other."""
        taken: list[tuple[str, PurePosixPath]] = []
        for name, target in sorted(targets.items()):
            rules = self._providers.get(target.provider)
            path = target.settings.get(rules.folder_setting) if rules is not None and rules.folder_setting else None
            if rules is None or not isinstance(path, str) or not path.startswith("/"):
                continue
            folder = PurePosixPath(normpath(f"/{path.lstrip('/')}"))
            for other, its in taken:
                if folder != its and folder not in its.parents and its not in folder.parents:
                    continue
                how = "is" if folder == its else "lies in" if its in folder.parents else "holds"
                message = f"{quote(path)} {how} the folder of target {quote(other)}"
                hint = "Give each target a folder of its own: two would undo each other's work."
                yield (
                    name,
                    Finding(code="TGT005", json_path=f"settings.{rules.folder_setting}", message=message, hint=hint),
                )
                break
            taken.append((name, folder))

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

"""The providers there are, and opening the targets that are configured."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from reconciler.model.errors import UsageError
from reconciler.model.forms import Target
from reconciler.model.provider import ProviderRules
from reconciler.targets.datto.rules import DATTO_RULES
from reconciler.targets.keeper.rules import KEEPER_RULES, zone_of
from reconciler.targets.local.rules import LOCAL_RULES, accounts_of, http_settings
from reconciler.targets.opening import Opening
from reconciler.targets.prune import with_prune

if TYPE_CHECKING:
    # It knows runs and devices, which nobody asks for who only validates.
    from reconciler.targets.protocol import LiveTarget

LOCAL = "local"


# What talks to targets is imported late: it costs more than a validation takes.
def _open_local(target: Target, here: Opening) -> "LiveTarget":
    from reconciler.targets.local.target import LocalTarget  # noqa: PLC0415

    return LocalTarget(
        target.id,
        folder=here.folder / "engine",
        settings=here.settings.engine,
        environment=here.environment,
        host=here.host,
        clock=here.clock,
        http=http_settings(target),
        accounts=accounts_of(target),
    )


def _open_keeper(target: Target, here: Opening) -> "LiveTarget":
    from reconciler.targets.keeper.target import KeeperTarget  # noqa: PLC0415

    others = {name: path for name, path in here.folders.items() if name != target.id}
    return KeeperTarget(
        target.id, path=str(target.settings.get("path", "")), timezone=zone_of(target), folders_of_others=others
    )


def _open_datto(target: Target, here: Opening) -> "LiveTarget":
    from reconciler.targets.datto.opening import open_target  # noqa: PLC0415

    return open_target(target, here)


_PROVIDERS: Mapping[str, tuple[ProviderRules, Callable[[Target, Opening], "LiveTarget"]]] = {
    LOCAL: (LOCAL_RULES, _open_local),
    "keeper": (KEEPER_RULES, _open_keeper),
    "datto": (DATTO_RULES, _open_datto),
}


def provider_rules() -> Mapping[str, ProviderRules]:
    """Return what each provider says about definitions, by its name."""
    return {name: with_prune(rules) for name, (rules, _) in _PROVIDERS.items()}


def holding_targets(declared: Iterable[Target]) -> set[str]:
    """Return the names of the targets that start their jobs by themselves."""
    rules = provider_rules()
    return {target.id for target in declared if target.provider in rules and rules[target.provider].holds_schedules}


def open_targets(declared: Mapping[str, Target], opening: Opening) -> "dict[str, LiveTarget]":
    """Return the targets to talk to, by name; `local` is there without being declared. Connects to nothing yet."""
    targets: dict[str, LiveTarget] = {}
    opening = replace(opening, folders=_folders(declared))
    for name, target in {LOCAL: Target(id=LOCAL, provider=LOCAL), **declared}.items():
        if target.provider not in _PROVIDERS:
            known = ", ".join(sorted(_PROVIDERS))
            raise UsageError(f"target {name}: unknown provider {target.provider}", hint=f"Known: {known}.")
        targets[name] = _PROVIDERS[target.provider][1](target, opening)
    return targets


def _folders(declared: Mapping[str, Target]) -> dict[str, str]:
    """Return the folders of the targets that have one to themselves, by name."""
    rules = provider_rules()
    settings = {
        name: rules[target.provider].folder_setting for name, target in declared.items() if target.provider in rules
    }
    return {name: str(declared[name].settings.get(setting, "")) for name, setting in settings.items() if setting}

"""The part of `reconciler status` that tells how each target stands."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
from msgspec import Struct

from reconciler.cli.drift import read_drift
from reconciler.cli.output import echo_table, instant_text
from reconciler.cli.session import Session
from reconciler.loop.standing import Standing, standings
from reconciler.loop.variables import has_variables
from reconciler.model.text import escape_text
from reconciler.planning.drift import TargetDrift
from reconciler.targets.protocol import LiveTarget

_MOST_TOLD = 5
_NO_COMMIT = "-"


class TargetStatus(Struct, frozen=True, kw_only=True):
    """``standing`` is how the last pass left it, ``drift`` what it holds now: None where nobody looked.

    ``asks``: it holds jobs or variables itself, so that it takes a look there to know.  ``silence`` is why its runs
    could not be asked for.
    """

    name: str
    jobs: int
    standing: Standing | None
    drift: TargetDrift | None
    asks: bool
    silence: str = ""

    @property
    def is_in_sync(self) -> bool | None:
        """None: it is not known, because the target was not asked or did not answer."""
        if self.standing is None or not self.standing.is_applied:
            return False
        if not self.asks:
            return True
        if self.drift is None or self.drift.unavailable:
            return None
        return not self.drift.items

    @property
    def errors(self) -> tuple[str, ...]:
        now = tuple(why for why in (self.silence, self.drift.unavailable if self.drift else "") if why)
        before = self.standing.errors if self.standing is not None else ()
        return (*now, *(error for error in before if error not in now))


def read_targets(session: Session, *, offline: bool) -> list[TargetStatus]:
    """Return how each target stands that anything was ever meant for, by name."""
    known = standings(session.store)
    jobs = session.store.count_applied()
    if not known and not jobs:
        return []
    targets = session.world_of_applied(session.applied_settings()).targets
    asked = {} if offline else {item.target: item for item in read_drift(session)}
    return [
        TargetStatus(
            name=name,
            jobs=jobs.get(name, 0),
            standing=known.get(name),
            drift=asked.get(name),
            asks=name in targets and _asks(session, targets[name]),
            silence=" ".join([str(trouble), trouble.hint]).rstrip() if (trouble := session.troubles.get(name)) else "",
        )
        for name in sorted({*known, *jobs})
    ]


def _asks(session: Session, target: LiveTarget) -> bool:
    return target.capabilities.holds_schedules or has_variables(session.store, target)


def echo_targets(targets: Sequence[TargetStatus]) -> None:
    if not targets:
        return
    click.echo("\nTargets:")
    rows = [
        (target.name, str(target.jobs), _commit(target, "attempted"), _commit(target, "applied"), _state_words(target))
        for target in targets
    ]
    echo_table(("TARGET", "JOBS", "ATTEMPTED", "APPLIED", "STATE"), rows)
    for target in targets:
        for line in [*_limited(target.errors), *_limited(_held_words(target))]:
            click.echo(f"  {escape_text(target.name)}: {escape_text(line)}")


def _commit(target: TargetStatus, which: str) -> str:
    sha = getattr(target.standing, which) if target.standing is not None else ""
    return sha[:12] or _NO_COMMIT


def _state_words(target: TargetStatus) -> str:
    parts = []
    if target.standing is not None and target.standing.errors:
        parts.append("not applied in full")
    if target.drift is not None and target.drift.items:
        parts.append(f"{len(target.drift.items)} drifted")
    if target.standing is not None and target.standing.held:
        parts.append(f"{len(target.standing.held)} held")
    if target.standing is None:
        return "not known"
    sync = {True: "in sync", False: "", None: "drift not known"}[target.is_in_sync]
    return ", ".join(part for part in (sync, *parts) if part)


def _held_words(target: TargetStatus) -> list[str]:
    held = target.standing.held if target.standing is not None else ()
    return [f"{item.kind} {item.id} is held: {item.reason}" for item in held]


def _limited(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_MOST_TOLD]
    if (more := len(lines) - _MOST_TOLD) > 0:
        yield f"and {more} more"


def target_document(target: TargetStatus) -> dict[str, Any]:
    standing = target.standing
    return {
        "jobs": target.jobs,
        "attemptedCommit": standing.attempted if standing else None,
        "attemptedAt": instant_text(standing.attempted_at) if standing else None,
        "appliedCommit": (standing.applied or None) if standing else None,
        "appliedAt": instant_text(standing.applied_at) if standing else None,
        "inSync": target.is_in_sync,
        "drift": [{"kind": item.kind.value, "id": item.id, "state": item.state.value} for item in target.drift.items]
        if target.drift is not None and not target.drift.unavailable
        else None,
        "held": [{"kind": item.kind, "id": item.id, "reason": item.reason} for item in standing.held]
        if standing
        else [],
        "errors": list(target.errors),
    }


def target_metrics(targets: Sequence[TargetStatus]) -> Iterator[str]:
    """Yield figures in Prometheus' text format; what is not known has none."""
    yield from _metric(targets, "in_sync", "Whether the target is as the attempted commit says: 1 or 0.", _in_sync)
    yield from _metric(targets, "drift", "Objects that are not as they were applied.", _drifted)
    yield from _metric(targets, "held", "Changes that wait.", lambda t: len(t.standing.held) if t.standing else None)
    yield from _metric(targets, "errors", "What went wrong at the last pass.", lambda target: len(target.errors))
    yield from _metric(targets, "jobs", "Jobs that are applied.", lambda target: target.jobs)
    yield from _metric(targets, "applied_timestamp_seconds", "When a commit was last applied in full.", _applied_at)


def _metric(
    targets: Sequence[TargetStatus], name: str, words: str, value: Callable[[TargetStatus], float | None]
) -> Iterator[str]:
    figures = [(target.name, figure) for target in targets if (figure := value(target)) is not None]
    if figures:
        yield f"# HELP reconciler_target_{name} {words}"
        yield f"# TYPE reconciler_target_{name} gauge"
        yield from (f'reconciler_target_{name}{{target="{target}"}} {figure:.15g}' for target, figure in figures)


def _in_sync(target: TargetStatus) -> float | None:
    return None if target.is_in_sync is None else float(target.is_in_sync)


def _drifted(target: TargetStatus) -> float | None:
    return None if target.drift is None or target.drift.unavailable else len(target.drift.items)


def _applied_at(target: TargetStatus) -> float | None:
    at = target.standing.applied_at if target.standing is not None else None
    return None if at is None else round(at.timestamp(), 3)

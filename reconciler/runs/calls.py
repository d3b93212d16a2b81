"""What the task of a run asks for: other runs, made once, linked to it and told of when they have ended; or events."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from reconciler.model.errors import CouldNot, ReconcilerError, TargetUnavailable, UsageError
from reconciler.model.event import RUN_SOURCE, Event, check_event
from reconciler.model.forms import Kind
from reconciler.model.run import Run, RunStatus, TriggerKind
from reconciler.runs.components import find_component
from reconciler.runs.document import run_document
from reconciler.runs.driver import Driver
from reconciler.runs.lineage import depth_after, line_of
from reconciler.runs.manual import Asked, find_jobs, refuse_cycle, request_component_run, request_manual_run
from reconciler.targets.protocol import Call, Settlement

WAITED_FOR = 10
"""What is waited for goes before all that is not: those who wait hold a process each. The deeper, the sooner."""


class Settled(Struct, frozen=True, kw_only=True):
    """What the call of a run came to, still to be told to its target."""

    run: Run
    call: Call
    settlement: Settlement


def settle_new(driver: Driver, run: Run, calls: Sequence[Call]) -> tuple[list[Settled], bool]:
    """Make the runs that ``run`` asks for, and return what it is to be told, and whether that is all.

    Not all: a target that they are for does not answer, and they are to be made later.
    """
    settled: list[Settled] = []
    is_all = True
    for call in calls:
        try:
            if call.event is not None:
                _take_event(driver, run, call.event)
                settled.append(Settled(run=run, call=call, settlement=Settlement()))
                continue
            runs = _find_waited(driver, run, call) if call.uids else _make(driver, run, call)
            documents = tuple(run_document(child, ()) for child in runs)
            settlement = Settlement(children=tuple(child.uid for child in runs), runs=documents)
        except TargetUnavailable:
            is_all = False
            continue
        except ReconcilerError as error:
            is_usage = isinstance(error, UsageError)
            settlement = Settlement(refusal={"message": str(error), "hint": error.hint, "isUsage": is_usage})
        settled.append(Settled(run=run, call=call, settlement=settlement))
    return settled, is_all


def settle_waiting(driver: Driver, run: Run, calls: Sequence[Call]) -> list[Settled]:
    """Return what ``run`` is to be told of the runs that it waits for: where all of them have ended."""
    settled = []
    for call in calls:
        children = [child for uid in call.children if (child := driver.store.run(uid)) is not None]
        if all(child.status.is_ended for child in children):
            documents = tuple(_ended_document(driver, child) for child in children)
            settlement = Settlement(children=call.children, runs=documents, is_final=True)
            settled.append(Settled(run=run, call=call, settlement=settlement))
    return settled


def _ended_document(driver: Driver, run: Run) -> dict[str, object]:
    tasks = driver.store.tasks(run.uid)
    tails = {name: "".join(getattr(task, name).tail for task in tasks) for name in ("stdout", "stderr")}
    return {**run_document(run, tasks), "tails": tails}


def _make(driver: Driver, run: Run, call: Call) -> list[Run]:
    """Make the runs of a call, but for those that were made before somebody died. Raises ReconcilerError."""
    key = f"{run.uid}.{call.key}"
    made = [child for child in driver.store.children(run.uid) if child.trigger.key == f"manual:{key}"]
    asked = _asked(driver, run, call, key)
    target = call.target or None
    if call.component:
        items = [item for item in driver.store.inventory(target or run.target) if item.kind is Kind.COMPONENT]
        found = [find_component(items, call.component)]
    else:
        found = find_jobs(driver.store, call.job, target)
    problem: ReconcilerError | None = None
    for item in found:
        if any(child.target == item.target for child in made):
            continue
        try:
            if item.root_id in asked.ancestor_roots:
                raise refuse_cycle(item.id)
            driver.guard(item.target)
            request = request_component_run if call.component else request_manual_run
            made += request(driver, item, call.variables, asked=asked, device=call.device or None)
        except TargetUnavailable:
            raise
        except ReconcilerError as error:
            problem = error
    if problem is not None and not made:
        raise problem
    return made


def _take_event(driver: Driver, run: Run, told: Mapping[str, Any]) -> None:
    """Record what ``run`` tells of, once: whoever drives lets it reach the jobs. Raises UsageError."""
    event = Event(
        id=told["id"],
        type=told["type"],
        source=f"{RUN_SOURCE}{run.uid}",
        at=driver.clock(),
        device=told["device"],
        data=told["data"],
        depth=depth_after(driver.store, run),
    )
    driver.store.add_events([check_event(event)])


def _asked(driver: Driver, run: Run, call: Call, key: str) -> Asked:
    line = line_of(driver.store, run)
    depth = sum(each.trigger.kind is not TriggerKind.RETRY for each in line)
    if depth > driver.max_depth:
        raise CouldNot(
            f"{driver.max_depth} runs led to this one already, each from another; nothing was started",
            hint="Raise maxDepth under [engine] in reconciler.toml, or start less from within jobs.",
        )
    held = {each.concurrency.key for each in line if each.concurrency and not each.status.is_ended}
    return Asked(
        by=f"run {run.uid}",
        is_forced=call.is_forced,
        key=key,
        parent_uid=run.uid,
        ancestor_roots=frozenset(each.root_id for each in _starters(line)),
        priority=WAITED_FOR + depth if call.wait else 0,
        held_keys=frozenset(held) if call.wait else frozenset(),
    )


def _starters(line: Sequence[Run]) -> list[Run]:
    """Return those of ``line`` whose tasks led to the first; beyond an event begins another story."""
    for number, run in enumerate(line):
        if run.trigger.kind is TriggerKind.EVENT:
            return list(line[: number + 1])
    return list(line)


def _find_waited(driver: Driver, run: Run, call: Call) -> list[Run]:
    found = []
    line = line_of(driver.store, run)
    held = {each.concurrency.key for each in line if each.concurrency and not each.status.is_ended}
    for uid in call.uids:
        other = driver.store.run(uid)
        if other is None:
            raise UsageError(f"unknown run `{uid}`", hint="See: reconciler runs list")
        waits_for_us = other.status is RunStatus.CREATED and other.concurrency and other.concurrency.key in held
        if waits_for_us or any(each.uid == other.uid for each in line):
            raise CouldNot(
                f"run {other.uid} cannot end before this one, which would wait for itself",
                hint="Start it with --wait, or do not wait for it.",
            )
        found.append(other)
    return found

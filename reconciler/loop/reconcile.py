"""One pass: from a commit to reports. It is told in order, top to bottom; every step may be repeated after a kill."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct

from reconciler.loop.apply import ApplyFailure, apply_plan, refuse_if_stale, refuse_if_unsafe
from reconciler.loop.desired import CommitState
from reconciler.loop.due import TOLERANCE, settle_due
from reconciler.loop.events import settle_events
from reconciler.loop.footing import Footing, note_footing, retains
from reconciler.loop.importing import settle_imports
from reconciler.loop.lease import applying
from reconciler.loop.one_offs import Waiting, start_one_offs
from reconciler.loop.ownership import look_who_holds, take_targets
from reconciler.loop.part import part_for
from reconciler.loop.retention import prune_runs
from reconciler.loop.sources import poll_sources
from reconciler.loop.standing import note_refusal, note_standings
from reconciler.loop.statuses import note_pass, send_statuses, targets_of, tell_refusal
from reconciler.loop.surroundings import look_around
from reconciler.loop.world import World
from reconciler.loop.zones import refresh_zones
from reconciler.model.change import Change, Plan
from reconciler.model.desired import DesiredState
from reconciler.model.errors import GuardRefused
from reconciler.model.problem import Problem
from reconciler.model.run import Run
from reconciler.planning.one_offs import check_receipts
from reconciler.planning.plan import make_plan
from reconciler.planning.surroundings import Surroundings
from reconciler.reports.publish import Published, publish_reports
from reconciler.runs.drive import drive_until_ended
from reconciler.store.records import RunFilter

ALLOW_TRAILER = "Reconciler-Allow"
SHOWN_RUNS = 1000


class Planned(Struct, frozen=True, kw_only=True):
    """A plan, and what was said of the definitions on the way to it. ``unavailable``: why targets did not answer.

    ``desired`` is what the plan was made from: all that ``source`` declares or, where it ``is_part``, what is not known
    to be in step, by ``footing``.  ``retaining``: an applied job says how long its runs are kept.
    """

    source: CommitState
    desired: DesiredState
    plan: Plan
    problems: tuple[Problem, ...]
    unavailable: Mapping[str, str] = {}
    footing: Footing | None = None
    is_part: bool = False
    retaining: bool = False

    @property
    def has_errors(self) -> bool:
        return self.source.errors > 0


class PassResult(Struct, frozen=True, kw_only=True):
    """What a pass did: the plan it carried out, what failed of it, the runs it saw, and where the reports are."""

    pass_id: int
    planned: Planned
    failures: tuple[ApplyFailure, ...]
    waiting: tuple[Waiting, ...]
    runs: tuple[Run, ...]
    unfinished: tuple[Run, ...]
    published: Published
    status_problem: str = ""


def plan_commit(world: World, source: CommitState) -> Planned:
    """Return the plan that brings what is applied and what is live to what ``source`` declares; only reads."""
    around = look_around(world, now=world.clock(), desired=source.of_targets)
    part = part_for(world, source, around)
    plan = make_plan(
        part.desired,
        part.inventory,
        settled_one_offs=part.settled_one_offs,
        commit=source.commit,
        tree_digest=source.tree_digest,
        around=around,
        existing=part.existing,
        is_empty=part.is_empty,
    )
    return Planned(
        source=source,
        desired=part.desired,
        plan=plan,
        problems=(*source.problems, *check_receipts(part.desired, part.receipts)),
        unavailable=_unavailable(around),
        footing=part.footing,
        is_part=part.footing is not None,
        retaining=part.footing.retaining if part.footing else any(retains(item.form) for item in part.inventory),
    )


def _unavailable(around: Surroundings) -> dict[str, str]:
    """Return why targets did not tell what they have, by name."""
    of_kinds = {target: f"its {kind.value}s: {why}" for (target, kind), why in around.silent.items()}
    return of_kinds | dict(around.unavailable)


def _agree(planned: Planned) -> None:
    """Nobody is asked."""


def apply_commit(
    world: World,
    source: CommitState,
    *,
    allowed_deletes: str | None = None,
    expected_digest: str | None = None,
    tolerance: timedelta = TOLERANCE,
    confirm: Callable[[Planned], None] = _agree,
    take_over: bool = False,
) -> tuple[int, Planned, tuple[ApplyFailure, ...]]:
    """Plan and apply ``source`` while no other process does, after what was due until now is accounted for.

    ``allowed_deletes`` and the trailers `Reconciler-Allow` of the commit name plans whose deletions are meant;
    ``expected_digest`` is of the plan that was looked at; ``tolerance`` is as in ``settle_due``.  ``confirm`` is shown
    the plan before anything is done, and raises where it is not to be carried out.  ``take_over`` takes targets from
    another state that reconciles them.
    """
    with applying(world) as keep:
        refresh_zones(world)
        now = world.clock()
        settle_due(world.scheduler, now=now, tolerance=tolerance)
        planned = plan_commit(world, source)
        refuse_if_stale(planned.plan, expected_digest)
        if planned.plan.guards:
            try:
                refuse_if_unsafe(planned.plan, allowed=_allowed(world, source, allowed_deletes))
            except GuardRefused as error:
                targets = targets_of(source.jobs, planned.plan.changes)
                tell_refusal(world, source.commit, error, targets=targets)
                note_refusal(world.store, source.commit, targets, str(error), now=now)
                raise
        touched = {change.target for change in planned.plan.changes}
        holders = look_who_holds(world, touched.union(world.store.applied_targets()), take_over=take_over)
        confirm(planned)  # last of what may refuse: nobody is asked for what cannot be done
        take_targets(world, holders, now=now)
        pass_id = world.store.begin_pass(commit=source.commit, tree_digest=planned.plan.tree_digest, now=now)
        result = apply_plan(world, planned.plan, now=now, keep=keep)
        if planned.footing is None or planned.footing.open:  # what was imported is not known to be in step
            settle_imports(world, source)
        errors = [*planned.unavailable.values(), *(failure.message for failure in result.failures)]
        outcome = "applied" if not errors and not planned.has_errors else "partly applied"
        world.store.finish_pass(
            pass_id,
            now=world.clock(),
            outcome=outcome,
            detail="; ".join(errors),
            counts=_count(result.done),
        )
        note_footing(
            world.store,
            source,
            planned.plan,
            before=planned.footing,
            done=result.done,
            unreadable=planned.desired.unreadable,
            retaining=planned.retaining,
        )
        note_pass(world, source, planned.plan, result.failures, planned.unavailable)
        note_standings(
            world.store,
            planned.plan,
            targets_of(source.jobs, planned.plan.changes) | {*world.store.applied_targets()},
            result.failures,
            planned.unavailable,
            problems=source.errors,
            now=now,
        )
    return pass_id, planned, result.failures


def _allowed(world: World, source: CommitState, allowed_deletes: str | None) -> list[str]:
    trailers = world.repository.resolve(source.commit).trailer_values(ALLOW_TRAILER)
    return [*trailers, *([allowed_deletes] if allowed_deletes else [])]


def reconcile(
    world: World,
    source: CommitState,
    *,
    allowed_deletes: str | None = None,
    wait: timedelta | None = None,
    confirm: Callable[[Planned], None] = _agree,
    take_over: bool = False,
) -> PassResult:
    """Bring the targets to ``source``, run what is due, wait for runs, and publish the reports.

    ``confirm`` is as in ``apply_commit``.  Without ``wait`` the runs of this machine are waited for until they end,
    those of other systems until they have started; with it all of them, so long at most.
    """
    started_at = world.clock()
    deadline = started_at + wait if wait is not None else None
    pass_id, planned, failures = apply_commit(
        world, source, allowed_deletes=allowed_deletes, confirm=confirm, take_over=take_over
    )
    _, waiting = start_one_offs(world, planned.plan.changes, commit=source.commit, now=world.clock())
    poll_sources(world)
    settle_events(world, now=world.clock())
    drive_until_ended(world.driver, deadline=deadline, is_remote_waited_for=wait is not None)
    while settle_events(world, now=world.clock()):  # the ends of runs start others, up to a depth
        drive_until_ended(world.driver, deadline=deadline, is_remote_waited_for=wait is not None)
    published = publish_reports(world.store, world.repository, settings=world.settings.reports, now=world.clock())
    prune_runs(world, now=world.clock())
    return PassResult(
        pass_id=pass_id,
        planned=planned,
        failures=failures,
        waiting=tuple(waiting),
        runs=tuple(world.store.runs(RunFilter(since=started_at), limit=SHOWN_RUNS)),
        unfinished=tuple(world.store.active_runs()),
        published=published,
        status_problem=send_statuses(world),
    )


def _count(changes: Sequence[Change]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.action.value] = counts.get(change.action.value, 0) + 1
    return counts

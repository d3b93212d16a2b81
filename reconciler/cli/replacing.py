"""What `restore` and `repair` share: nobody may be at work, a person agrees, and the new state learns what was done."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from reconciler.cli.output import tell, warn
from reconciler.cli.session import Session
from reconciler.loop.gap import Gap, close_gap
from reconciler.loop.lease import APPLY, APPLY_TIME, SERVE, take_lease
from reconciler.loop.mending import set_aside
from reconciler.loop.world import World
from reconciler.model.errors import CouldNot, GuardRefused
from reconciler.model.uids import new_uid
from reconciler.reports.publish import publish_reports
from reconciler.store.errors import StateDamaged
from reconciler.store.open import open_store


def find_damage(session: Session) -> StateDamaged | None:
    """Return what is wrong with the state; None where it is sound. Raises CouldNot where that cannot be told."""
    try:
        session.store.check()
    except StateDamaged as error:
        return error
    return None


@contextmanager
def nobody_else(session: Session) -> Iterator[None]:
    """See to it that nobody works with the present state, and that its runs are reported. Raises CouldNot."""
    world = session.world_of_applied(session.applied_settings())
    with _lease(world, SERVE), _lease(world, APPLY):
        _finish(session)
        yield
    session.close_store()


@contextmanager
def _lease(world: World, name: str) -> Iterator[None]:
    lease = take_lease(world, name, length=APPLY_TIME)
    try:
        yield
    finally:
        world.store.release_lease(lease)


def _finish(session: Session) -> None:
    session.collect()
    under_way = [run for run in session.store.active_runs() if run.handle is not None]
    if under_way:
        first = under_way[0]
        raise CouldNot(
            f"{len(under_way)} runs are under way, and another state would not know of them; nothing was changed",
            hint=f"Wait for them: reconciler wait {first.uid}\nor end them:   reconciler runs cancel {first.uid}",
        )
    published = publish_reports(
        session.store, session.repository, settings=session.applied_settings().reports, now=session.clock()
    )
    if published.problem:
        warn(f"reports: {published.problem}")


def confirm(what: str, *, yes: bool, command: str) -> None:
    """Let a person agree. Raises GuardRefused where nobody does."""
    if yes:
        return
    if sys.stdin.isatty() and sys.stderr.isatty():
        if click.confirm(f"{what}. Go on?", err=True):
            return
        raise GuardRefused("nothing was changed")
    raise GuardRefused(f"{what}, and nobody is here to be asked; nothing was changed", hint=f"If so: {command}")


def close_gap_in(session: Session, new: Path, *, since_last_run: bool, doubts_one_offs: bool) -> Gap:
    """Tell the state at ``new``, which nobody uses yet, what was done since it was written."""
    now = session.clock()
    store = open_store(new, new_uid=new_uid, now=now)
    try:
        set_aside(store, host=session.host, now=now)
        return close_gap(
            store,
            session.repository,
            settings=session.settings_of_head().reports,
            host=session.host,
            since_last_run=since_last_run,
            doubts_one_offs=doubts_one_offs,
            jobs_at=lambda commit: [item.form for item in session.read_commit(commit).loaded.desired.jobs.values()],
            now=now,
            new_uid=new_uid,
        )
    finally:
        store.close()


def tell_gap(gap: Gap, *, doubts_one_offs: bool) -> None:
    """Say what was found out, and what does not start because of it."""
    tell(f"Runs known by their reports alone: {gap.runs}.")
    if gap.unreadable:
        tell(f"Reports that cannot be read: {gap.unreadable}.")
    if gap.instants:
        tell(f"Instants since then that do not start: {gap.instants}.  See: reconciler runs list --missed")
    if gap.lost:
        tell(f"Runs that may have begun or not, and are reported as lost: {gap.lost}.")
    if doubts_one_offs:
        tell("One-offs of this machine that were added before now do not start; to start one, give it a new id.")

"""Runs as commands ask for them, in the state of a repository."""

from collections.abc import Mapping

from reconciler.cli.session import Session
from reconciler.loop.desired import read_settings_at
from reconciler.loop.ownership import refuse_if_displaced
from reconciler.loop.world import World
from reconciler.model.forms import Kind
from reconciler.model.inventory import Applied
from reconciler.model.job import Value
from reconciler.model.run import Run
from reconciler.runs.components import find_component
from reconciler.runs.manual import Asked, find_jobs, request_component_run, request_manual_run
from reconciler.targets.registry import LOCAL


def request_job(
    session: Session, job: str, given: Mapping[str, Value], *, target: str | None, device: str | None, is_forced: bool
) -> tuple[list[Run], World]:
    applied = find_job(session, job, target)
    world = session.world_of_applied(read_settings_at(session.repository, applied[0].origin.commit))
    for item in applied:
        refuse_if_displaced(world, item.target)
    asked = Asked(by=session.requester, is_forced=is_forced)
    return [
        run for item in applied for run in request_manual_run(world.driver, item, given, asked=asked, device=device)
    ], world


def request_component(
    session: Session, component: str, given: Mapping[str, Value], *, target: str | None, device: str | None
) -> tuple[list[Run], World]:
    components = [item for item in session.store.inventory(target) if item.kind is Kind.COMPONENT]
    here = [item for item in components if item.target == LOCAL]
    applied = find_component(here if target is None and here else components, component)
    world = session.world_of_applied(session.applied_settings())
    refuse_if_displaced(world, applied.target)
    asked = Asked(by=session.requester)
    return list(request_component_run(world.driver, applied, given, asked=asked, device=device)), world


def find_job(session: Session, job_id: str, target: str | None) -> list[Applied]:
    """Return the applied job on each target, or on ``target``. Raises UsageError."""
    return find_jobs(session.store, job_id, target)

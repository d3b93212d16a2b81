"""How long runs are kept: as their job says, else as the repository's settings do; unpublished ones always."""

from datetime import datetime, timedelta

from reconciler.loop.footing import read_footing
from reconciler.loop.world import World
from reconciler.model.forms import Kind
from reconciler.model.job import Job, Retention


def prune_runs(world: World, *, now: datetime) -> int:
    """Drop the runs that are to be kept no longer, with what only they name; return how many runs."""
    general = world.settings.retention
    has_general = general.max_runs is not None or general.max_days is not None
    footing = read_footing(world.store, world.settings)
    if footing is not None and not footing.retaining and not has_general:
        return 0
    own = {
        item.id: item.form.retention
        for item in world.store.inventory()
        if item.kind is Kind.JOB and isinstance(item.form, Job)
    }
    dropped = occurrences = 0
    for job_id in (
        world.store.job_ids_of_history() if has_general or any(kept != Retention() for kept in own.values()) else ()
    ):
        kept = own.get(job_id, Retention())
        max_runs = kept.max_runs if kept.max_runs is not None else general.max_runs
        max_days = kept.max_days if kept.max_days is not None else general.max_days
        if max_runs is None and max_days is None:
            continue
        before = now - timedelta(days=max_days) if max_days is not None else None
        dropped += world.store.drop_runs(job_id, max_runs=max_runs, ended_before=before)
        if before is not None:
            occurrences += world.store.drop_occurrences(job_id, before=before)
    if dropped or occurrences:
        world.store.drop_unnamed_forms()
    return dropped

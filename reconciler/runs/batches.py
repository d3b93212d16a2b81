"""Which runs of an occurrence begin, and which wait for them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from reconciler.model.job import Rollout
from reconciler.model.run import Run

HELD = datetime(9999, 12, 31, tzinfo=UTC)
"""When a run may start that waits for the batch before it."""


def hold_later_batches(runs: Sequence[Run], rollout: Rollout | None) -> tuple[Run, ...]:
    """Return ``runs``, all but the first batch of them held."""
    if rollout is None:
        return tuple(runs)
    size = rollout.batch_size(len(runs))
    return (*runs[:size], *(replace(run, start_after=HELD) for run in runs[size:]))

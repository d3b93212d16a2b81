"""What a run writes while it runs: each piece once, whichever way the whole of it is asked for."""

from collections.abc import Sequence

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.run import OutputRecord, Run
from reconciler.store.store import Store
from reconciler.targets.protocol import LiveTarget


def output_so_far(store: Store, target: LiveTarget | None, run: Run) -> Sequence[OutputRecord]:
    """Return what ``run`` has written: from the store once it has ended, else from its target, if that can tell."""
    if run.status.is_ended or run.handle is None or target is None:
        return store.output(run.uid)
    try:
        return target.output(run.handle)
    except (TargetRefused, TargetUnavailable):
        return ()


class NewOutput:
    """Tells the records of one run that are new since the last time."""

    def __init__(self) -> None:
        self._count = 0
        self._last: OutputRecord | None = None

    def take(self, records: Sequence[OutputRecord]) -> list[OutputRecord]:
        """Return those of ``records``, all that is kept so far, that were not returned before."""
        if self._last is None or (len(records) >= self._count and records[self._count - 1] == self._last):
            fresh = list(records[self._count :])
        else:
            # Past the cap the middle falls out, so places shift; time does not.
            fresh = [record for record in records if record.at > self._last.at]
        if records:
            self._count, self._last = len(records), records[-1]
        return fresh

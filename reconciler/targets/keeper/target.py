"""A folder of Keeper job files as a target: the agents that read it hold the schedules, and run the jobs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from reconciler.model.change import Change
from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.forms import Form, Kind
from reconciler.model.job import Devices, Job
from reconciler.model.live import LiveObject, LiveState
from reconciler.model.run import OutputRecord, Run
from reconciler.model.secret import Secret
from reconciler.targets.keeper.arguments import CannotQuote
from reconciler.targets.keeper.batch import ENDING, Batch, Found, Twins, by_folded, refuse_twin, touched_by, version_of
from reconciler.targets.keeper.folder import MAX_FILES, Folder, open_folder, shares_files
from reconciler.targets.keeper.marks import Marks, read_marks
from reconciler.targets.keeper.reading import NotOurs, parse_file, read_job
from reconciler.targets.keeper.words import is_shipped
from reconciler.targets.keeper.writing import write_job
from reconciler.targets.protocol import (
    STARTS_ITSELF,
    Capabilities,
    DeviceList,
    NotApplied,
    Progress,
    Refused,
    StartAnswer,
    StartOrder,
)


class KeeperTarget:
    """``path`` is the agents' folder as this machine sees it, ``timezone`` that of their clocks.

    ``folders_of_others`` are those of other targets, by name.

    Results of runs are not read: what a job file can say of them is not documented.
    """

    capabilities = Capabilities(
        holds_schedules=True,
        runs_now=False,
        cancels=False,
        feedback=False,
        output=False,
        exit_code=False,
        lists_devices=False,
        idempotent_start=False,
    )
    max_runs = 1
    """A run that got here nonetheless is taken, and refused with its reason."""

    def __init__(
        self, name: str, *, path: str, timezone: str = "UTC", folders_of_others: Mapping[str, str] = {}
    ) -> None:
        self.name = name
        self._path = path
        self._timezone = timezone
        self._folders_of_others = folders_of_others

    def read(self) -> LiveState:
        with self._open() as folder:
            marks = read_marks(folder)
            names = [name for name in folder.names() if name.endswith(ENDING) and not name.startswith(".")]
            twins = by_folded(names)
            objects, foreign = {}, {}
            for name in names[:MAX_FILES]:
                key = (Kind.JOB, name.removesuffix(ENDING))
                try:
                    found = self._find(folder, marks, key[1], twins)
                except NotOurs as error:
                    foreign[key] = f"{name}: {error}"
                    continue
                if found is not None:
                    objects[key] = LiveObject(
                        kind=Kind.JOB,
                        id=key[1],
                        form=found.reading.job,
                        version=found.version,
                        unmanaged=found.reading.unmanaged,
                    )
        return LiveState(objects=objects, foreign=foreign, complete=len(names) <= MAX_FILES)

    @contextmanager
    def _open(self) -> Iterator[Folder]:
        """Open the folder. Raises TargetUnavailable, also where links make it another target's."""
        for other, path in sorted(self._folders_of_others.items()):
            if shares_files(self._path, path):
                raise TargetUnavailable(
                    f"target {self.name}: {self._path} and {path}, the folder of target {other}, are one",
                    hint="Give each target a folder of its own: two would undo each other's work.",
                )
        with open_folder(self._path, target=self.name) as folder:
            yield folder

    def normalise(self, form: Form) -> Form:
        if not isinstance(form, Job):
            return form
        try:
            return read_job(write_job(form), timezone=self._timezone, ours=form.keeper.keys()).job
        except (NotOurs, CannotQuote):
            return form  # applied under other rules than today's: it differs from whatever is there

    def _find(
        self, folder: Folder, marks: Marks, job_id: str, twins: Twins, *, fields: Collection[str] = ()
    ) -> Found | None:
        """Return the file of a job, None where there is none; ``fields`` are about to be ours. Raises NotOurs."""
        if is_shipped(job_id):
            raise NotOurs("it comes with the agent")
        data = folder.read(job_id + ENDING)
        if data is None:
            return None
        refuse_twin(job_id + ENDING, twins)
        raw = parse_file(data)
        mark = marks.files.get(job_id)
        ours = {*fields, *(mark.fields if mark is not None else ())}
        reading = read_job(raw, timezone=self._timezone, ours=ours)
        if reading.job.id != job_id:
            raise NotOurs("the id in it is not its name")
        return Found(raw=raw, reading=reading, version=version_of(data))

    def apply(self, change: Change) -> None:
        """Write or remove one file. Raises TargetRefused where the file is no longer as it was read."""
        (error,) = self.apply_many([change])
        if error is not None:
            raise error

    def apply_many(self, changes: Sequence[Change]) -> Sequence[NotApplied | None]:
        jobs = [(place, change) for place, change in enumerate(changes) if change.kind is Kind.JOB]
        outcomes: list[NotApplied | None] = [None] * len(changes)
        with self._open() as folder:
            folder.lock()
            folder.sweep()
            while jobs:
                together = _apart([change for _, change in jobs])
                batch = Batch(folder, target=self.name, look=self._find, normalise=self.normalise)
                for (place, _), error in zip(jobs, batch.carry_out(together), strict=False):
                    outcomes[place] = error
                jobs = jobs[len(together) :]
        return outcomes

    def devices(self, selector: Devices | None) -> DeviceList:
        """Return none: who reads the folder is not known here."""
        return DeviceList(devices=(), complete=False)

    def start(self, orders: Sequence[StartOrder]) -> Mapping[str, StartAnswer]:
        return {order.run.uid: Refused(reason=STARTS_ITSELF) for order in orders}

    def find(self, run: Run) -> str | None:
        return None

    def follow(self, handles: Mapping[str, str]) -> Mapping[str, Progress]:
        return {}

    def output(self, handle: str) -> Sequence[OutputRecord]:
        return ()

    def cancel(self, handle: str) -> None:
        """Nothing to end: nothing was started from here."""

    def answer(self, handle: str, text: str | Secret, *, question: str, by: str = "") -> None:
        raise TargetRefused(f"{self.name}: an agent passes no answers on to its jobs")

    def wait(self, handles: Collection[str], *, timeout_seconds: float) -> None:
        """Nothing to wait for, as above."""

    def forget(self, handles: Collection[str]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open between calls."""


def _apart(changes: Sequence[Change]) -> list[Change]:
    """Return the first changes, up to one that touches a file that they touch."""
    together: list[Change] = []
    touched: set[str] = set()
    for change in changes:
        names = touched_by(change)
        if touched & names:
            break
        touched |= names
        together.append(change)
    return together

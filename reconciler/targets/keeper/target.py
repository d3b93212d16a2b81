"""A folder of Keeper job files as a target: the agents that read it hold the schedules, and run the jobs."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from msgspec import Struct

from reconciler.model.change import Action, Change
from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.forms import Form, Kind
from reconciler.model.job import Devices, Job
from reconciler.model.live import LiveObject, LiveState
from reconciler.model.run import OutputRecord, Run
from reconciler.model.secret import Secret
from reconciler.targets.keeper.arguments import CannotQuote
from reconciler.targets.keeper.folder import MAX_FILES, Folder, open_folder, shares_files
from reconciler.targets.keeper.marks import Mark, Marks, read_marks, write_marks
from reconciler.targets.keeper.reading import NotOurs, Reading, parse_file, read_job
from reconciler.targets.keeper.words import is_shipped
from reconciler.targets.keeper.writing import file_text, keep_unmanaged, write_job
from reconciler.targets.protocol import (
    STARTS_ITSELF,
    Capabilities,
    DeviceList,
    Progress,
    Refused,
    StartAnswer,
    StartOrder,
)

ENDING = ".json"


_Twins = Mapping[str, Sequence[str]]
"""The names in the folder by what they are without regard to case."""


class _Found(Struct, frozen=True, kw_only=True):
    """A file that describes a job we could have declared."""

    raw: dict[str, Any]
    reading: Reading
    version: str


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
            twins = _by_folded(names)
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
        self, folder: Folder, marks: Marks, job_id: str, twins: _Twins, *, fields: Collection[str] = ()
    ) -> _Found | None:
        """Return the file of a job, None where there is none; ``fields`` are about to be ours. Raises NotOurs."""
        if is_shipped(job_id):
            raise NotOurs("it comes with the agent")
        data = folder.read(job_id + ENDING)
        if data is None:
            return None
        _refuse_twin(job_id + ENDING, twins)
        raw = parse_file(data)
        mark = marks.files.get(job_id)
        ours = {*fields, *(mark.fields if mark is not None else ())}
        reading = read_job(raw, timezone=self._timezone, ours=ours)
        if reading.job.id != job_id:
            raise NotOurs("the id in it is not its name")
        return _Found(raw=raw, reading=reading, version=_version(data))

    def apply(self, change: Change) -> None:
        """Write or remove one file. Raises TargetRefused where the file is no longer as it was read."""
        if change.kind is not Kind.JOB:
            return
        with self._open() as folder:
            folder.lock()
            folder.sweep()
            marks = read_marks(folder)
            try:
                if change.action is Action.DELETE:
                    self._delete(folder, marks, change)
                else:
                    self._write(folder, marks, change)
            except NotOurs as error:
                self._refuse(f"{change.id}{ENDING}: {error}; it was left alone")

    def _write(self, folder: Folder, marks: Marks, change: Change) -> None:
        job = change.after
        assert isinstance(job, Job)
        twins = _by_folded(folder.names())
        _refuse_twin(job.id + ENDING, twins)
        found = self._find(folder, marks, job.id, twins, fields=job.keeper.keys())
        previous_id = change.before.id if change.before is not None and change.before.id != job.id else None
        previous = self._find(folder, marks, previous_id, twins) if previous_id else None
        if found is None or found.reading.job != self.normalise(job):
            replaces = change.action is Action.REPLACE
            self._refuse_changed(marks, change, found if replaces else previous or found)
            if previous is not None and found is not None and not replaces:
                self._refuse(f"{job.id}{ENDING} is there already, and another job was to take this name")
            self._put(folder, marks, job, found, instead_of=previous_id, keeps=not replaces)
        else:
            self._mark(folder, marks, job, found.version)
            if previous is not None:
                folder.remove(previous.reading.job.id + ENDING)
        if previous_id and marks.files.pop(previous_id, None):
            write_marks(folder, marks)

    def _put(
        self, folder: Folder, marks: Marks, job: Job, found: _Found | None, *, instead_of: str | None, keeps: bool
    ) -> None:
        """Write the file of ``job``; ``keeps``: with what the one that is there has besides, which is not ours."""
        name = job.id + ENDING
        mark = marks.files.get(job.id)
        raw = write_job(job)
        if found is not None and keeps:
            raw = keep_unmanaged(raw, found.raw, ours=mark.fields if mark is not None else ())
        data = file_text(raw)
        self._mark(folder, marks, job, _version(data))  # before: a file that is ours is never without its mark
        prepared = folder.prepare(data, name)
        if instead_of is not None:
            folder.remove(instead_of + ENDING)  # the agents never have the job twice
        if not folder.place(prepared, name, is_new=found is None):
            self._refuse(f"{name} appeared while it was to be written; it was left alone")
        if folder.read(name) != data:
            raise TargetUnavailable(f"target {self.name}: {name} does not read back as it was written")

    def _mark(self, folder: Folder, marks: Marks, job: Job, version: str) -> None:
        mark = Mark(sha256=version, fields=tuple(sorted(job.keeper)))
        if marks.files.get(job.id) != mark:
            marks.files[job.id] = mark
            write_marks(folder, marks)

    def _delete(self, folder: Folder, marks: Marks, change: Change) -> None:
        found = self._find(folder, marks, change.id, _by_folded(folder.names()))
        if found is not None:
            is_as_applied = change.before is not None and found.reading.job == self.normalise(change.before)
            if change.id not in marks.files and not is_as_applied:
                self._refuse(f"{change.id}{ENDING} is not one that reconciler wrote; it was left alone")
            if not is_as_applied or change.live_version:
                self._refuse_changed(marks, change, found)
            folder.remove(change.id + ENDING)
        if marks.files.pop(change.id, None):
            write_marks(folder, marks)

    def _refuse_changed(self, marks: Marks, change: Change, found: _Found | None) -> None:
        """Refuse where the file is not the one that the plan was made for."""
        if (found.version if found is not None else "") == change.live_version:
            return
        if found is None:
            self._refuse(f"{change.id}{ENDING} is gone since the plan was made; nothing was written")
        if not change.live_version:
            # The plan was made without a look at the folder: then nobody else may have been at the file.
            mark = marks.files.get(found.reading.job.id)
            if mark is not None and mark.sha256 == found.version:
                return
            self._refuse(f"{change.id}{ENDING} is there, and not as reconciler wrote it; it was left alone")
        self._refuse(f"{change.id}{ENDING} was changed since the plan was made; it was left alone")

    def _refuse(self, why: str) -> NoReturn:
        raise TargetRefused(f"target {self.name}: {why}", hint="Look at what would happen now: reconciler plan")

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


def _by_folded(names: Collection[str]) -> _Twins:
    twins: dict[str, list[str]] = {}
    for name in names:
        twins.setdefault(name.casefold(), []).append(name)
    return twins


def _refuse_twin(name: str, twins: _Twins) -> None:
    """Raise NotOurs where another name differs from ``name`` in case only."""
    for other in twins.get(name.casefold(), ()):
        if other != name:
            raise NotOurs(f"on Windows and macOS it is the same file as {other}")


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""Changes of the folder that are carried out together: all looked at and written beside first, then put in place.

The disk is waited for once for all of them.  A kill in between leaves whole files, old or new; an apply that comes
after finds which changes were done.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from msgspec import Struct

from reconciler.model.change import Action, Change
from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.forms import Form
from reconciler.model.job import Job
from reconciler.targets.keeper.folder import Folder, Staged
from reconciler.targets.keeper.marks import Mark, Marks, read_marks, write_marks
from reconciler.targets.keeper.reading import NotOurs, Reading
from reconciler.targets.keeper.writing import file_text, keep_unmanaged, write_job
from reconciler.targets.protocol import NotApplied

ENDING = ".json"

Twins = Mapping[str, Sequence[str]]
"""The names in the folder by what they are without regard to case."""


class Found(Struct, frozen=True, kw_only=True):
    """A file that describes a job we could have declared."""

    raw: dict[str, Any]
    reading: Reading
    version: str


class Look(Protocol):
    """Returns the file of a job, None where there is none; ``fields`` are about to be ours. Raises NotOurs."""

    def __call__(
        self, folder: Folder, marks: Marks, job_id: str, twins: Twins, *, fields: Collection[str] = ()
    ) -> Found | None: ...


class _Step(Struct, kw_only=True):
    """What one change does: the file ``removes`` goes, then ``data`` comes under ``name``. ``error``: it does not."""

    change: Change
    removes: str = ""
    name: str = ""
    data: bytes = b""
    is_new: bool = False
    mark: Mark | None = None
    staged: Staged | None = None
    error: NotApplied | None = None


class Batch:
    """Carries out changes of a folder that touch different files."""

    def __init__(self, folder: Folder, *, target: str, look: Look, normalise: Callable[[Form], Form]) -> None:
        self._folder = folder
        self._target = target
        self._look = look
        self._normalise = normalise
        self._marks = read_marks(folder)
        self._twins = by_folded(folder.names())

    def carry_out(self, changes: Sequence[Change]) -> list[NotApplied | None]:
        """Return why each change was not carried out, None where it was. Raises TargetUnavailable where none was told.

        What was done until then is found by the next look.
        """
        steps = [_Step(change=change) for change in changes]
        try:
            self._each(steps, self._prepare)
            self._each(steps, self._settle)
            self._mark([step for step in steps if step.error is None])
            self._each(steps, self._place)
            self._folder.sync()
            self._each(steps, self._read_back)
            self._unmark([step for step in steps if step.error is None])
        finally:
            for step in steps:
                self._discard(step)
        return [step.error for step in steps]

    def _each(self, steps: Sequence[_Step], act: Callable[[_Step], None]) -> None:
        for step in steps:
            if step.error is not None:
                continue
            try:
                act(step)
            except NotOurs as error:
                step.error = self._refusal(f"{step.change.id}{ENDING}: {error}; it was left alone")
            except (TargetRefused, TargetUnavailable) as error:
                step.error = error
            if step.error is not None:
                self._discard(step)

    def _prepare(self, step: _Step) -> None:
        if step.change.action is Action.DELETE:
            self._prepare_removal(step)
        else:
            self._prepare_file(step)
        if step.data:
            step.staged = self._folder.stage(step.data, step.name)

    def _prepare_removal(self, step: _Step) -> None:
        change = step.change
        found = self._look(self._folder, self._marks, change.id, self._twins)
        if found is None:
            return
        is_as_applied = change.before is not None and found.reading.job == self._normalise(change.before)
        if change.id not in self._marks.files and not is_as_applied:
            self._refuse(f"{change.id}{ENDING} is not one that reconciler wrote; it was left alone")
        if not is_as_applied or change.live_version:
            self._refuse_changed(change, found)
        step.removes = change.id + ENDING

    def _prepare_file(self, step: _Step) -> None:
        change, job = step.change, step.change.after
        assert isinstance(job, Job)
        refuse_twin(job.id + ENDING, self._twins)
        found = self._look(self._folder, self._marks, job.id, self._twins, fields=job.keeper.keys())
        previous_id = _previous_id(change)
        previous = self._look(self._folder, self._marks, previous_id, self._twins) if previous_id else None
        if previous is not None:
            step.removes = f"{previous_id}{ENDING}"  # the agents never have the job twice
        version = found.version if found is not None else ""
        if found is None or found.reading.job != self._normalise(job):
            replaces = change.action is Action.REPLACE
            self._refuse_changed(change, found if replaces else previous or found)
            if previous is not None and found is not None and not replaces:
                self._refuse(f"{job.id}{ENDING} is there already, and another job was to take this name")
            step.name, step.is_new = job.id + ENDING, found is None
            step.data = self._content(job, found if not replaces else None)
            version = version_of(step.data)
        step.mark = Mark(sha256=version, fields=tuple(sorted(job.keeper)))

    def _content(self, job: Job, found: Found | None) -> bytes:
        """Return the file of ``job``, with what the one that is there has besides, which is not ours."""
        raw = write_job(job)
        if found is not None:
            mark = self._marks.files.get(job.id)
            raw = keep_unmanaged(raw, found.raw, ours=mark.fields if mark is not None else ())
        return file_text(raw)

    def _settle(self, step: _Step) -> None:
        if step.staged is not None:
            self._folder.settle(step.staged)

    def _mark(self, steps: Sequence[_Step]) -> None:
        """Before anything is put in place: a file that is ours is never without its mark."""
        new = {step.change.id: step.mark for step in steps if step.mark is not None}
        if any(self._marks.files.get(job_id) != mark for job_id, mark in new.items()):
            self._marks.files |= new
            write_marks(self._folder, self._marks)

    def _place(self, step: _Step) -> None:
        if step.removes:
            self._folder.remove(step.removes)
        if step.staged is not None:
            staged, step.staged = step.staged, None
            if not self._folder.place(staged, step.name, is_new=step.is_new):
                self._refuse(f"{step.name} appeared while it was to be written; it was left alone")

    def _read_back(self, step: _Step) -> None:
        if step.data and self._folder.read(step.name) != step.data:
            raise TargetUnavailable(f"target {self._target}: {step.name} does not read back as it was written")

    def _unmark(self, steps: Sequence[_Step]) -> None:
        gone = {step.change.id if step.mark is None else _previous_id(step.change) for step in steps}
        if gone & self._marks.files.keys():
            self._marks.files = {job_id: mark for job_id, mark in self._marks.files.items() if job_id not in gone}
            write_marks(self._folder, self._marks)

    def _discard(self, step: _Step) -> None:
        if step.staged is not None:
            self._folder.discard(step.staged)
            step.staged = None

    def _refuse_changed(self, change: Change, found: Found | None) -> None:
        """Refuse where the file is not the one that the plan was made for."""
        if (found.version if found is not None else "") == change.live_version:
            return
        if found is None:
            self._refuse(f"{change.id}{ENDING} is gone since the plan was made; nothing was written")
        if not change.live_version:
            # The plan was made without a look at the folder: then nobody else may have been at the file.
            mark = self._marks.files.get(found.reading.job.id)
            if mark is not None and mark.sha256 == found.version:
                return
            self._refuse(f"{change.id}{ENDING} is there, and not as reconciler wrote it; it was left alone")
        self._refuse(f"{change.id}{ENDING} was changed since the plan was made; it was left alone")

    def _refuse(self, why: str) -> NoReturn:
        raise self._refusal(why)

    def _refusal(self, why: str) -> TargetRefused:
        return TargetRefused(f"target {self._target}: {why}", hint="Look at what would happen now: reconciler plan")


def touched_by(change: Change) -> frozenset[str]:
    """Return the jobs whose files ``change`` touches, as they are without regard to case."""
    return frozenset(name.casefold() for name in (change.id, _previous_id(change)) if name)


def _previous_id(change: Change) -> str:
    return change.before.id if change.before is not None and change.before.id != change.id else ""


def by_folded(names: Collection[str]) -> Twins:
    twins: dict[str, list[str]] = {}
    for name in names:
        twins.setdefault(name.casefold(), []).append(name)
    return twins


def refuse_twin(name: str, twins: Twins) -> None:
    """Raise NotOurs where another name differs from ``name`` in case only."""
    for other in twins.get(name.casefold(), ()):
        if other != name:
            raise NotOurs(f"on Windows and macOS it is the same file as {other}")


def version_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

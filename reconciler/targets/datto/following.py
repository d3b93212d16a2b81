"""How started jobs stand: asked seldom, more seldom the longer it takes, and never more than the limits allow."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.errors import TargetRefused, TargetUnavailable
from reconciler.model.run import OutputRecord, RunStatus, Stream, StreamSummary, TaskResult
from reconciler.targets.datto.api import Api
from reconciler.targets.datto.dialect import Dialect, Standing
from reconciler.targets.datto.handle import JobRef, read_handle
from reconciler.targets.protocol import Progress
from reconciler.targets.rest.errors import NotFound

FIRST_LOOK = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=60)
NOT_YET = timedelta(minutes=10)
"""How long a job that was made may be unknown to the service before its outcome is."""

UNKNOWN_WORD = timedelta(hours=1)
"""How long a status that we do not know may stand before the outcome is unknown."""

LOOKS_AT_ONCE = 20
FEW_LOOKS = 3
KEPT_FREE = 0.25
"""The part of the reads that is left for lists, for what others ask of the account, and below its slow-down."""

TASK_ID = "component"
TAIL_BYTES = 4096
KEPT_BYTES = 1 << 20
_CODE_LINE = re.compile(r"reconciler-exit-code: (-?[0-9]{1,10})\s*\Z")
_ORDER = {RunStatus.QUEUED: 0, RunStatus.RUNNING: 1}


class _Watched(Struct, kw_only=True):
    """One job as we know it so far."""

    ref: JobRef
    progress: Progress
    records: tuple[OutputRecord, ...] = ()
    looked_at: datetime | None = None
    pause: timedelta = FIRST_LOOK
    warnings: tuple[str, ...] = ()

    def next_look_at(self) -> datetime:
        return self.ref.made_at + FIRST_LOOK if self.looked_at is None else self.looked_at + self.pause


class Follower:
    def __init__(self, api: Api, dialect: Dialect) -> None:
        self._api = api
        self._dialect = dialect
        self._watched: dict[str, _Watched] = {}

    def follow(self, handles: Mapping[str, str], *, few: bool = False) -> dict[str, Progress]:
        """Return how the runs stand, those that are due looked at anew, the longest unseen first; ``few`` at a time."""
        now = self._api.clock()
        watched = {uid: self._watch(handle) for uid, handle in handles.items()}
        due = [one for one in watched.values() if not one.progress.status.is_ended and one.next_look_at() <= now]
        due.sort(key=lambda one: one.next_look_at())
        reads = self._api.limits.reads
        for one in due[: FEW_LOOKS if few else LOOKS_AT_ONCE]:
            if reads.free(self._api.clock()) < KEPT_FREE * reads.limit:
                break
            try:
                self._look(one)
            except TargetUnavailable:
                break  # what is known stands; the next turn asks the others
        return {uid: one.progress for uid, one in watched.items()}

    def next_look_at(self, handles: Mapping[str, str] | set[str]) -> datetime | None:
        """Return when the next of these is due to be looked at."""
        found = [self._watched[handle] for handle in handles if handle in self._watched]
        return min((one.next_look_at() for one in found if not one.progress.status.is_ended), default=None)

    def _watch(self, handle: str) -> _Watched:
        if handle not in self._watched:
            self._watched[handle] = _Watched(ref=read_handle(handle), progress=Progress(status=RunStatus.QUEUED))
        return self._watched[handle]

    def _look(self, one: _Watched) -> None:
        is_first = one.looked_at is None
        try:
            standing = self._dialect.look(one.ref)
        except NotFound:
            self._not_found(one)
        except TargetRefused as error:
            # The right to look was taken from us, say: the job goes on, and its deadline decides.
            one.warnings = (str(error),)
        else:
            self._take(one, standing)
        one.looked_at = self._api.clock()
        one.pause = FIRST_LOOK if is_first else min(one.pause * 2, LONGEST_PAUSE)

    def _not_found(self, one: _Watched) -> None:
        now = self._api.clock()
        if now - one.ref.made_at > NOT_YET:
            meaning = "the service does not know the job that it made"
            one.progress = _ended(RunStatus.UNKNOWN, now, reason="not_found", meaning=meaning)

    def _take(self, one: _Watched, standing: Standing) -> None:
        now = self._api.clock()
        if standing.status is None:
            self._odd_word(one, standing.word, now)
        elif standing.status.is_ended:
            self._end(one, standing, now)
        elif _ORDER[standing.status] >= _ORDER.get(one.progress.status, 0):
            # Never backwards: a job that ran has run, whatever a copy of its state says that is older.
            one.progress = Progress(status=standing.status, started_at=standing.started_at, tasks=_begun(standing))

    def _odd_word(self, one: _Watched, word: str, now: datetime) -> None:
        one.warnings = (f"the service says {word[:60]!r}, a status that is not known",)
        if now - one.ref.made_at > UNKNOWN_WORD:
            one.progress = _ended(RunStatus.UNKNOWN, now, reason="unknown_status", meaning=one.warnings[0])

    def _end(self, one: _Watched, standing: Standing, now: datetime) -> None:
        texts = self._dialect.output(one.ref, standing)
        code = standing.exit_code if standing.exit_code is not None else _printed_code(texts[0])
        status, reason = _outcome(standing, code, promises=self._dialect.promises_exit_code)
        started_at = standing.started_at
        ended_at = standing.ended_at or now
        if started_at is not None and started_at > ended_at:
            one.warnings = (*one.warnings, "the service says that it ended before it began")
            started_at = None
        streams = {Stream.STDOUT: texts[0].encode(), Stream.STDERR: texts[1].encode()}
        one.records = tuple(
            OutputRecord(TASK_ID, stream, ended_at, _kept(data)) for stream, data in streams.items() if data
        )
        task = TaskResult(
            id=TASK_ID,
            status=status,
            exit_code=code,
            started_at=started_at,
            ended_at=ended_at,
            stdout=_summary(streams[Stream.STDOUT]),
            stderr=_summary(streams[Stream.STDERR]),
            warnings=(*one.warnings, *standing.warnings),
        )
        if status is RunStatus.EXPIRED:
            ran = started_at is not None and any(streams.values())
            meaning = "the service let it expire as it ran" if ran else "the device did not take the job in time"
            task = replace(task, meaning=meaning)
        one.progress = Progress(status=status, reason=reason, started_at=started_at, ended_at=ended_at, tasks=(task,))

    def output(self, handle: str) -> tuple[OutputRecord, ...]:
        return self._watch(handle).records

    def forget(self, handle: str) -> None:
        self._watched.pop(handle, None)


def _outcome(standing: Standing, code: int | None, *, promises: bool) -> tuple[RunStatus, str]:
    """Return the status and its reason. Success is believed only where nothing speaks against it."""
    assert standing.status is not None
    if standing.status is RunStatus.COMPLETED:
        if code is None and promises:
            return RunStatus.UNKNOWN, "no_exit_code"
        if code:
            return RunStatus.FAILED, "exit_code"
    if standing.status is RunStatus.CANCELLED:
        return RunStatus.CANCELLED, "retired"
    return standing.status, ""


def _printed_code(stdout: str) -> int | None:
    """Return the exit code that the component's last line tells: ``reconciler-exit-code: 3``."""
    lines = stdout.rstrip().rsplit("\n", 1)
    match = _CODE_LINE.match(lines[-1].strip()) if lines else None
    return int(match[1]) if match else None


def _begun(standing: Standing) -> tuple[TaskResult, ...]:
    if standing.status is not RunStatus.RUNNING:
        return ()
    return (TaskResult(id=TASK_ID, status=RunStatus.RUNNING, started_at=standing.started_at),)


def _ended(status: RunStatus, now: datetime, *, reason: str, meaning: str) -> Progress:
    task = TaskResult(id=TASK_ID, status=status, meaning=meaning, ended_at=now)
    return Progress(status=status, reason=reason, ended_at=now, tasks=(task,))


def _summary(data: bytes) -> StreamSummary:
    if not data:
        return StreamSummary(sha256=hashlib.sha256().hexdigest())
    return StreamSummary(
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        tail=data[-TAIL_BYTES:].decode("utf-8", "replace"),
    )


def _kept(data: bytes) -> bytes:
    """Return head and tail of what is more than we keep."""
    if len(data) <= KEPT_BYTES:
        return data
    half = KEPT_BYTES // 2
    return data[:half] + f"\n... {len(data) - 2 * half} bytes left out ...\n".encode() + data[-half:]

"""The status of a commit for each target, sent when it changes; what could not be sent waits in the state.

Nothing that a forge answers ends a pass: it is told in the result, and the next pass tries again.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.errors import ReconcilerError, TargetRefused, TargetUnavailable
from reconciler.model.instant import format_instant, parse_instant
from reconciler.reports.forge.values import CommitStatus, StatusForge

NOTE = "commit-statuses"
MOST_WAITING = 100
MOST_AT_ONCE = 20
"""So that sending holds a pass or the loop up for seconds at most."""
KEPT_FOR = timedelta(days=7)
_MOST_REFUSALS = 3
_LONGEST_PAUSE = timedelta(hours=1)

OpenForge = Callable[[], AbstractContextManager[StatusForge]]


class NoteStore(Protocol):
    """What this needs of the store."""

    def recall(self, name: str) -> str: ...
    def remember(self, name: str, value: str) -> None: ...


class _Waiting(Struct, frozen=True, kw_only=True):
    status: CommitStatus
    since: str


class _Outbox(Struct, frozen=True, kw_only=True):
    """``sent`` holds what was sent last, by context; ``waiting`` is in the order in which it came to be."""

    sent: dict[str, CommitStatus] = {}
    waiting: tuple[_Waiting, ...] = ()
    tried_at: str = ""
    not_before: str = ""


class Statuses:
    """The outbox of one state. ``open_forge`` is called only when there is something to send, and may raise."""

    def __init__(self, store: NoteStore, open_forge: OpenForge) -> None:
        self._store = store
        self._open_forge = open_forge

    def note(self, statuses: Iterable[CommitStatus], *, now: datetime) -> None:
        """Keep what is new of ``statuses`` until it is sent."""
        before = outbox = self._load(now)
        for status in statuses:
            others = tuple(item for item in outbox.waiting if _key(item.status) != _key(status))
            if outbox.sent.get(status.context) == status:
                outbox = replace(outbox, waiting=others)
            elif all(item.status != status for item in outbox.waiting):
                waiting = (*others, _Waiting(status=status, since=format_instant(now)))
                outbox = replace(outbox, waiting=waiting[-MOST_WAITING:])
        if outbox != before:
            self._save(outbox)

    def send(self, *, now: datetime, again_after: timedelta = timedelta(0)) -> str:
        """Send what waits; return why something still does, or nothing.

        After a try that failed nothing is tried for ``again_after``, or as long as the forge asked for.
        """
        outbox = self._load(now)
        if not outbox.waiting:
            return ""
        if outbox.not_before and now < parse_instant(outbox.not_before):
            return "" if again_after else f"{len(outbox.waiting)} to be sent after {outbox.not_before}, as asked"
        if outbox.tried_at and now < parse_instant(outbox.tried_at) + again_after:
            return ""
        try:
            with self._open_forge() as forge:
                sent = _send(forge, outbox.waiting[:MOST_AT_ONCE])
        except ReconcilerError as error:
            sent = _Sent(problem=words_of(error))
        return self._keep(sent, now)

    def _keep(self, sent: "_Sent", now: datetime) -> str:
        # Loaded afresh: another process may have noted more while this one was sending.
        outbox = self._load(now)
        waiting = tuple(item for item in outbox.waiting if item.status not in sent.statuses)
        self._save(
            _Outbox(
                sent=outbox.sent | {status.context: status for status in sent.statuses},
                waiting=waiting,
                tried_at=format_instant(now) if sent.problem else "",
                not_before=format_instant(now + sent.pause) if sent.pause else "",
            )
        )
        return f"{sent.problem} ({len(waiting)} to be sent at the next pass)" if sent.problem else ""

    def _load(self, now: datetime) -> _Outbox:
        try:
            outbox = msgspec.json.decode(self._store.recall(NOTE) or "{}", type=_Outbox)
        except msgspec.DecodeError:
            outbox = _Outbox()  # of another version: at worst a status is sent once more
        oldest = format_instant(now - KEPT_FOR)
        return replace(outbox, waiting=tuple(item for item in outbox.waiting if item.since >= oldest))

    def _save(self, outbox: _Outbox) -> None:
        self._store.remember(NOTE, msgspec.json.encode(outbox).decode())


class _Sent(Struct, frozen=True, kw_only=True):
    """What came of sending; ``pause`` is how long the forge asked us to wait."""

    statuses: tuple[CommitStatus, ...] = ()
    problem: str = ""
    pause: timedelta = timedelta(0)


def _send(forge: StatusForge, waiting: Iterable[_Waiting]) -> _Sent:
    statuses: list[CommitStatus] = []
    problem, refusals, pause = "", 0, timedelta(0)
    for item in waiting:
        try:
            forge.set_status(item.status)
            statuses.append(item.status)
        except TargetRefused as error:  # of this commit perhaps; others may be taken
            problem, refusals = problem or words_of(error), refusals + 1
        except TargetUnavailable as error:
            seconds: float = getattr(error, "retry_seconds", None) or 0.0
            problem, pause = words_of(error), min(timedelta(seconds=seconds), _LONGEST_PAUSE)
            break
        if refusals == _MOST_REFUSALS:
            break
    return _Sent(statuses=tuple(statuses), problem=problem, pause=pause)


def _key(status: CommitStatus) -> tuple[str, str]:
    return status.commit, status.context


def words_of(error: ReconcilerError) -> str:
    return f"{error}. {error.hint}".rstrip(". ") if error.hint else str(error)

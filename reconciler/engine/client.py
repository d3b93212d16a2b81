"""The engine as the rest of the program sees it: starts the supervisor where none lives, and speaks to it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from reconciler.engine.journal import read_journal, runs_under_way
from reconciler.engine.order import UID_PATTERN, RunOrder
from reconciler.engine.spool import SPOOL_FOLDER, Record, read_spool
from reconciler.engine.wire import (
    PROTOCOL,
    UNKNOWN_REQUEST,
    encode_message,
    frame_message,
    peer_uid,
    socket_address,
    take_message,
)
from reconciler.model.errors import TargetRefused, TargetUnavailable, UsageError
from reconciler.model.instant import Clock
from reconciler.model.run import OutputRecord, Question, RunStatus, Stream, StreamSummary, TaskResult

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH_BYTES = 8 << 20
_PATIENCE_SECONDS = 30.0
_LINGER_SECONDS = 0.02


class RunProgress(Struct, frozen=True, kw_only=True):
    """Where a run is. ``reason`` says why where a status has several causes: failed_to_start, run_timeout ...

    ``calls`` are its requests for other runs, as ``Request.as_call`` gives them, that somebody has to see to.
    ``note`` is how far its task says that it is: `percent` and `text`.
    """

    status: RunStatus
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    tasks: tuple[TaskResult, ...] = ()
    calls: tuple[dict[str, Any], ...] = ()
    note: dict[str, Any] | None = None


class Engine:
    """The engine in ``folder``; may be used from several threads.

    ``idle_seconds``: how long the supervisor stays when it has nothing to do.
    """

    def __init__(self, folder: Path, *, clock: Clock, idle_seconds: float = 30) -> None:
        self._folder = folder.absolute()
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._free: list[_Connection] = []
        self._has_renewed = False
        self._generation = ""
        self._versions: dict[str, int] = {}
        self._known: dict[str, RunProgress] = {}

    def start(self, orders: Sequence[RunOrder]) -> None:
        """Return when the orders are accepted, durably; an order that ever was is not started again."""
        for batch in _batches(orders):
            self._ask(b'{"do":"start","orders":[' + b",".join(batch) + b"]}")

    def follow(self, uids: Collection[str]) -> dict[str, RunProgress]:
        """Return where these runs are, by uid; one never heard of is absent, one we forgot is lost."""
        if not uids:
            return {}
        with self._lock:
            seen = {uid: self._versions.get(uid, 0) for uid in uids}
            generation = self._generation
        answer = self._call({"do": "follow", "seen": seen, "generation": generation})
        fresh = {uid: _progress(plain) for uid, plain in answer["runs"].items()}
        with self._lock:
            if answer["generation"] != self._generation:
                self._generation = answer["generation"]
                self._versions.clear()
                self._known.clear()
            for uid in answer["absent"]:
                self._drop(uid)
            for uid, progress in fresh.items():
                # An answer to another thread may have been newer.
                if answer["runs"][uid]["version"] > self._versions.get(uid, 0):
                    self._versions[uid] = answer["runs"][uid]["version"]
                    self._known[uid] = progress
            known = {uid: self._known[uid] for uid in uids if uid in self._known}
        forgotten = RunProgress(status=RunStatus.LOST, reason="forgotten", ended_at=self._clock())
        return known | dict.fromkeys(answer["forgotten"], forgotten)

    def wait(self, timeout_seconds: float, uids: Collection[str]) -> None:
        """Return soon after one of these is no longer as ``follow`` last showed it, or when the time is over.

        At once where all of them have ended.
        """
        with self._lock:
            seen = {uid: self._versions.get(uid, 0) for uid in uids}
            generation = self._generation
        request = {"do": "wait", "seen": seen, "generation": generation, "seconds": timeout_seconds}
        self._call({**request, "linger": _LINGER_SECONDS}, extra=timeout_seconds)

    def output(self, uid: str) -> list[OutputRecord]:
        """Return what is kept of a run's output so far, in the order in which it was read."""
        about = self._call({"do": "spool", "uid": uid})
        tasks = about.get("tasks", [])
        try:
            folder_fd = os.open(self._folder / SPOOL_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return []
        try:
            records = read_spool(folder_fd, uid, cap_bytes=about.get("cap_bytes", 0))
        finally:
            os.close(folder_fd)
        return list(_output_records(records, tasks))

    def cancel(self, uid: str) -> None:
        """Have a run ended: TERM, then KILL after its grace. Nothing happens to one that has ended."""
        self._call({"do": "cancel", "uid": uid})

    def answer(self, uid: str, key: str, text: str, *, by: str) -> None:
        """Hand a person's answer to the task that asked; it is kept when this returns. Raises TargetRefused."""
        answer = self._call({"do": "answer", "uid": uid, "key": key, "text": text, "by": by})
        if "refused" in answer:
            raise TargetRefused(f"run {uid}: {answer['refused']}")

    def settle(self, uid: str, key: str, **settlement: Any) -> None:
        """Say what became of a request for runs; saying it twice is the same as once."""
        self._call({"do": "settle", "uid": uid, "key": key, **settlement})

    def forget(self, uids: Collection[str]) -> None:
        """Drop ended runs and their output, once that is kept elsewhere; they are still never started again."""
        if uids:
            self._call({"do": "forget", "uids": list(uids)})
            with self._lock:
                for uid in uids:
                    self._drop(uid)

    def supervisor_pid(self) -> int | None:
        """Return the process that serves this folder; None if none does."""
        connection = self._connect()
        if connection is None:
            return None
        connection.close()
        return connection.pid

    def close(self) -> None:
        """Give the connections back; the supervisor and its runs go on."""
        with self._lock:
            free, self._free = self._free, []
        for connection in free:
            connection.close()

    def _drop(self, uid: str) -> None:
        self._versions.pop(uid, None)
        self._known.pop(uid, None)

    def _call(self, message: dict[str, Any], *, extra: float = 0) -> dict[str, Any]:
        return self._ask(json.dumps(message).encode(), extra=extra)

    def _ask(self, document: bytes, *, extra: float = 0) -> dict[str, Any]:
        """Send a request until it is answered: each may be sent again, also to a new supervisor."""
        request = frame_message(document)
        give_up_at = time.monotonic() + _PATIENCE_SECONDS + extra
        while True:
            connection = self._connection(give_up_at)
            try:
                answer = connection.ask(request, until=give_up_at)
            except OSError as error:
                connection.close()
                if time.monotonic() >= give_up_at:
                    raise TargetUnavailable(
                        f"{self._folder}: the engine's supervisor (pid {connection.pid}) does not answer: {error}",
                        hint=f"Look into {self._folder / 'log'}; if it hangs, end it by its pid: runs are adopted.",
                    ) from error
                continue
            if answer.get("again") and time.monotonic() < give_up_at:
                # It is about to end, and the next one will answer.
                connection.close()
                time.sleep(0.02)
                continue
            refusal = answer.get("error", "")
            if refusal.startswith(UNKNOWN_REQUEST):
                self._renew(connection)
                continue
            with self._lock:
                self._free.append(connection)
            if refusal:
                raise TargetUnavailable(f"{self._folder}: the engine refused: {refusal}")
            return answer

    def _connection(self, give_up_at: float) -> "_Connection":
        with self._lock:
            if self._free:
                return self._free.pop()
        while True:
            connection = self._connect()
            if connection is not None:
                return connection
            if time.monotonic() >= give_up_at:
                raise TargetUnavailable(
                    f"{self._folder}: the engine's supervisor does not come up",
                    hint=f"Look into {self._folder / 'log'}.",
                )
            self._start_supervisor()

    def _connect(self) -> "_Connection | None":
        try:
            folder_fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TargetUnavailable(f"{self._folder}: {error.strerror}") from error
        try:
            connection = _Connection(socket_address(str(self._folder), folder_fd))
        except OSError:
            return None
        finally:
            os.close(folder_fd)
        if connection.protocol == PROTOCOL:
            return connection
        self._renew(connection)
        return None

    def _renew(self, connection: "_Connection") -> None:
        """Have an older supervisor replaced by one of our version; its runs go on.

        Raises TargetUnavailable while that is impossible.  A later version is left alone; one that cannot hand its runs
        over ends them first.
        """
        is_later, hint = connection.protocol > PROTOCOL, "Use that version, or wait until it ends, soon after its runs."
        if not is_later and not self._has_renewed:
            renewal = {"do": "renew", "command": _supervisor_command(), "env": _supervisor_environment()}
            answer: dict[str, Any] = {}
            with contextlib.suppress(OSError):
                answer = connection.ask(encode_message(renewal), until=time.monotonic() + _PATIENCE_SECONDS)
            self._has_renewed = not answer
            if self._has_renewed or self._ends_if_idle(connection.pid):
                connection.close()
                return
            hint = "Its runs go on; it is replaced when they have ended."
        self._has_renewed = False
        connection.close()
        raise TargetUnavailable(
            f"{self._folder}: the engine's supervisor (pid {connection.pid}) is of another version of this program"
            f" (it speaks protocol {connection.protocol}, this one {PROTOCOL})",
            hint=hint,
        )

    def _ends_if_idle(self, pid: int) -> bool:
        """Have a supervisor ended that has no run under way; return whether it has none."""
        folder_fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            is_idle = not runs_under_way(read_journal(folder_fd))
        finally:
            os.close(folder_fd)
        if is_idle:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        return is_idle

    def _start_supervisor(self) -> None:
        command = [*_supervisor_command(), str(self._folder), str(self._idle_seconds)]
        try:
            ended = subprocess.run(
                command,
                env=_supervisor_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
                timeout=_PATIENCE_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetUnavailable(f"{self._folder}: the engine's supervisor could not start: {error}") from error
        if ended.returncode:
            lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = lines[-1] if lines else f"it ended with {ended.returncode}"
            raise TargetUnavailable(f"{self._folder}: the engine's supervisor could not start: {reason}")


class _Connection:
    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._incoming = bytearray()
        self.pid = 0
        try:
            self._socket.settimeout(_PATIENCE_SECONDS)
            self._socket.connect(address)
            if peer_uid(self._socket) != os.geteuid():
                raise TargetUnavailable("the engine's socket is served by another user")
            hello = self.ask(encode_message({"do": "hello"}), until=time.monotonic() + _PATIENCE_SECONDS)
        except BaseException:
            self._socket.close()
            raise
        self.pid = int(hello["pid"])
        self.protocol = int(hello["protocol"])

    def ask(self, request: bytes, *, until: float) -> dict[str, Any]:
        """Send a request and return the answer. Raises OSError."""
        self._socket.settimeout(max(until - time.monotonic(), 0.001))
        self._socket.sendall(request)
        while (answer := take_message(self._incoming)) is None:
            self._socket.settimeout(max(until - time.monotonic(), 0.001))
            data = self._socket.recv(1 << 18)
            if not data:
                raise ConnectionResetError("it closed the connection")
            self._incoming += data
        return answer

    def close(self) -> None:
        self._socket.close()


def _supervisor_command() -> list[str]:
    # -P: a module of ours must not be shadowed by one in a folder that happens to be current.
    return [sys.executable, "-P", "-m", "reconciler.engine.supervisor"]


def _supervisor_environment() -> dict[str, str]:
    """Return all that the supervisor gets of our environment, which may hold secrets."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}


def _batches(orders: Sequence[RunOrder]) -> Iterator[list[bytes]]:
    """Yield the orders as JSON, no more at once than fit a message."""
    batch: list[bytes] = []
    size = 0
    for order in orders:
        if not UID_PATTERN.match(order.uid):
            raise UsageError(f"{order.uid!r} cannot be the uid of a run", hint="Letters, digits, '.', '_' and '-'.")
        batch.append(_encode_order(order))
        size += len(batch[-1])
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _encode_order(order: RunOrder) -> bytes:
    try:
        return msgspec.json.encode(order)
    except UnicodeEncodeError:  # a value that is no UTF-8 has to go through, too
        return json.dumps(msgspec.to_builtins(order)).encode()


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _progress(plain: dict[str, Any]) -> RunProgress:
    return RunProgress(
        status=RunStatus(plain["status"]),
        reason=plain["reason"],
        started_at=_instant(plain["started_at"]),
        ended_at=_instant(plain["ended_at"]),
        tasks=tuple(map(_task_result, plain["tasks"])),
        calls=tuple(plain["calls"]),
        note=plain["note"],
    )


def _task_result(plain: dict[str, Any]) -> TaskResult:
    return TaskResult(
        id=plain["id"],
        status=RunStatus(plain["status"]),
        exit_code=plain["exit_code"],
        meaning=plain["meaning"],
        started_at=_instant(plain["started_at"]),
        ended_at=_instant(plain["ended_at"]),
        stdout=StreamSummary(**plain["stdout"]),
        stderr=StreamSummary(**plain["stderr"]),
        outputs=plain["outputs"],
        warnings=tuple(plain["warnings"]),
        questions=tuple(map(_question, plain.get("questions", ()))),
        children=tuple(plain.get("children", ())),
    )


def _question(plain: dict[str, Any]) -> Question:
    times = {name: _instant(plain[name]) for name in ("deadline_at", "ended_at")}
    asked_at = _EPOCH + timedelta(microseconds=plain["asked_at"])
    return Question(**{**plain, **times, "asked_at": asked_at, "choices": tuple(plain["choices"])})


def _output_records(records: Iterable[Record], tasks: Sequence[str]) -> Iterator[OutputRecord]:
    """Turn records into ours, with a word where the middle was left out."""
    expected = 0
    for record in records:
        at = _EPOCH + timedelta(microseconds=record.at)
        task_id, stream = tasks[record.task], tuple(Stream)[record.stream]
        if record.offset > expected:
            note = f"\n[... {record.offset - expected} bytes left out here ...]\n"
            yield OutputRecord(task_id, stream, at, note.encode())
        yield OutputRecord(task_id, stream, at, record.data)
        expected = record.offset + len(record.data)

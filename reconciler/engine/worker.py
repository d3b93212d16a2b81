"""The supervisor at work: one loop over clients, children's output and children's ends."""

import contextlib
import gc
import os
import signal
import socket
import sys
from typing import Any, NamedTuple

from reconciler.engine.eventloop import EventLoop
from reconciler.engine.guardian import GuardianLink, Legacy, Renewal
from reconciler.engine.journal import Journal, read_journal
from reconciler.engine.processes import become_subreaper, boot_id, take_ended_children
from reconciler.engine.recall import boot_entry, recall
from reconciler.engine.request import TASK_REQUESTS
from reconciler.engine.requests import Requests
from reconciler.engine.run import RunState
from reconciler.engine.runner import Runner
from reconciler.engine.scratch import Scratch
from reconciler.engine.seen import KEEP_SECONDS, Seen
from reconciler.engine.server import Connection, Server
from reconciler.engine.spawner import Spawner
from reconciler.engine.spool import SPOOL_FOLDER
from reconciler.engine.surroundings import Surroundings
from reconciler.engine.waiters import Waiters
from reconciler.engine.wire import PROTOCOL, SOCKET_NAME, UNKNOWN_REQUEST, URL_SCHEME
from reconciler.model.instant import Clock

_COMPACT_BYTES = 4 << 20
_RETRY_SECONDS = 1.0
_RENEWED = 75
_TOKEN_BYTES = 24
LOCK_NAME = "lock"
_LOOK_AT_LOCK_SECONDS = 1.0


class Place(NamedTuple):
    """The engine's folder, open, its lock, held, and the socket that listens in it."""

    path: str
    fd: int
    lock_fd: int
    listener: socket.socket

    @property
    def is_ours(self) -> bool:
        """False once the lock's file was removed: another supervisor may serve the folder then."""
        try:
            there, held = os.stat(LOCK_NAME, dir_fd=self.fd), os.fstat(self.lock_fd)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)


class Worker:
    def __init__(self, place: Place, legacy: Legacy, *, clock: Clock, idle_seconds: float) -> None:
        self._place = place
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._book = legacy.book
        self._loop = EventLoop()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._is_woken = False
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
        self._loop.on_readable(self._wake_reader.fileno(), self._woken)
        self._generation = f"{os.getpid()}-{self._now()}"
        self._busy_at = self._loop.now
        self._stops = 0
        self._stops_before = legacy.stops
        self._is_over = self._retires = False
        self._open_door: tuple[Server, str] | None = None
        around = self._make_surroundings(legacy)
        self._boot = boot_entry(boot_id(), legacy.guardian_pid)
        self._around = around
        self._journal = around.journal
        self._spawner = around.spawner
        self._runner = Runner(around, changed=self._changed, task_over=self._task_over)
        self._waiters = Waiters(self._loop, self._runner.runs)
        self._requests = Requests(around, self._runner, self._book)
        self._seen = Seen(place.fd)
        recalled = recall(read_journal(place.fd), self._book.read() if self._book else {}, self._boot)
        self._forgotten = recalled.forgotten
        self._runner.take_over(recalled, legacy)
        self._requests.resume()
        if any(task.account for run in self._runner.runs.values() if run.live for task in run.order.tasks):
            self._open_url()
        self._compact_at = 0
        self._retry_at = 0.0
        self._compact()
        if not self._journal.problem:
            self._runner.settle_recalled()
            self._forget_old()
        self._server = Server(self._loop, place.listener, self._handle, self._closed)

    def _make_surroundings(self, legacy: Legacy) -> Surroundings:
        place = self._place
        with contextlib.suppress(FileExistsError):
            os.mkdir(SPOOL_FOLDER, 0o700, dir_fd=place.fd)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        spool_fd = os.open(SPOOL_FOLDER, flags | os.O_NOFOLLOW, dir_fd=place.fd)
        return Surroundings(
            loop=self._loop,
            journal=Journal(place.fd, spool_fd, wake=self._wake),
            guardian=GuardianLink(legacy),
            spawner=Spawner(wake=self._wake),
            spool_fd=spool_fd,
            scratch=Scratch(place.path, f"{place.path}/{SPOOL_FOLDER}", spool_fd),
            null_fd=os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC),
            url=f"{URL_SCHEME}{place.path}/{SOCKET_NAME}",
            open_url=self._open_url,
            now=self._now,
        )

    def _open_url(self) -> str:
        """Return where tasks with another account reach us, and listen there from now on. Raises OSError."""
        if self._open_door is None:
            listener, path = self._around.scratch.listen()
            server = Server(self._loop, listener, self._handle_request, self._closed, for_all=True)
            self._open_door = (server, f"{URL_SCHEME}{path}")
        return self._open_door[1]

    def run(self) -> None:
        """Serve until idle for long enough, or told to stop and all runs have ended."""
        become_subreaper("reconciler-run")
        # A run makes hundreds of objects, which go with it: to look for rings among them finds next to nothing.
        gc.freeze()
        gc.set_threshold(10_000)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._loop.call_at(self._loop.now, self._look_at_idleness)
        self._loop.call_at(self._loop.now + _LOOK_AT_LOCK_SECONDS, self._look_at_lock)
        for _ in range(self._stops_before):
            self._stop()
        is_pressed = False
        while not self._is_over:
            self._loop.turn(wait=not is_pressed)
            # A compaction needs a quiet moment; where none comes by itself, new starts are held back until it has.
            is_overdue = self._journal.size > 4 * self._compact_at
            is_pressed = self._runner.turn(may_start=not is_overdue and not self._journal.problem)
            self._waiters.tell()
            is_large = self._book is not None and self._book.is_large
            if self._journal.size > self._compact_at or is_large or self._journal.problem:
                is_pressed = self._compact() or is_pressed
        self._server.close()
        if self._open_door is not None:
            self._open_door[0].close()
        if self._place.is_ours:
            with contextlib.suppress(OSError):
                os.unlink(SOCKET_NAME, dir_fd=self._place.fd)
        self._journal.close()
        self._around.scratch.close()

    def _now(self) -> int:
        return round(self._clock().timestamp() * 1_000_000)

    def _compact(self) -> bool:
        """Write the journal and the book of orders anew, without what is over; also after a write has failed.

        False where that has to wait.
        """
        if not self._journal.is_quiet or self._runner.is_starting or self._loop.now < self._retry_at:
            return False
        try:
            if self._forgotten:
                self._seen.add(self._forgotten, now=self._now() // 1_000_000)
                self._forgotten.clear()
            self._journal.replace([self._boot, *self._runner.marks()])
        except OSError as error:
            self._journal.problem = f"journal: {error.strerror}"
            self._retry_at = self._loop.now + _RETRY_SECONDS
            self._loop.call_at(self._retry_at, lambda: None)
            return False
        self._compact_at = max(_COMPACT_BYTES, 2 * self._journal.size)
        if self._book is not None and self._book.is_large:
            self._book.keep_only({uid for uid, run in self._runner.runs.items() if run.ended_at is None})
        return True

    def _forget_old(self) -> None:
        """Let go of outcomes that nobody has asked for in a long time."""
        oldest = self._now() - KEEP_SECONDS * 1_000_000
        self._forget([uid for uid, run in self._runner.runs.items() if (run.ended_at or oldest) < oldest])

    def _forget(self, uids: list[str]) -> None:
        known = self._runner.forget(uids)
        self._forgotten |= dict.fromkeys(known, self._now() // 1_000_000)

    def _is_forgotten(self, uid: str) -> bool:
        return uid in self._forgotten or uid in self._seen

    # -- signals and the journal's thread

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(BlockingIOError):
                self._wake_writer.send(b"\0")

    def _woken(self) -> None:
        numbers = set(self._wake_reader.recv(4096))
        self._is_woken = False  # before looking: whoever has something more wakes us again
        if numbers & {signal.SIGTERM, signal.SIGINT}:
            self._stop()
        # Starts before ends: whose pid it is should be known when its end is looked at.
        self._spawner.run_callbacks()
        if signal.SIGCHLD in numbers:
            # The mark is written while the system still keeps the status for our successor.
            take_ended_children(self._runner.exited)
        self._journal.run_callbacks()

    def _stop(self) -> None:
        self._stops += 1
        self._runner.stop_all(at_once=self._stops > 1)
        self._look_at_idleness()

    def _look_at_idleness(self) -> None:
        now = self._loop.now
        is_wanted = bool(self._waiters) or (bool(self._server.connections) and bool(self._runner.runs))
        is_leaving = bool(self._stops) or self._retires
        if not self._runner.is_idle or (is_wanted and not is_leaving):
            self._busy_at = now
        if self._runner.is_idle and (is_leaving or now - self._busy_at >= self._idle_seconds):
            self._is_over = True
            return
        pause = 0.05 if is_leaving else max(self._idle_seconds / 4, 0.01)
        self._loop.call_at(now + pause, self._look_at_idleness)

    def _look_at_lock(self) -> None:
        if not self._stops and not self._place.is_ours:
            sys.stderr.write(f"{self._place.path}: the lock is gone; nobody can reach these runs: they are cancelled\n")
            sys.stderr.flush()
            self._stop()
        self._loop.call_at(self._loop.now + _LOOK_AT_LOCK_SECONDS, self._look_at_lock)

    # -- clients

    def _handle(self, connection: Connection, message: dict[str, Any]) -> None:
        what = message.get("do")
        if what == "hello":
            # That does not keep us: who learns that we are of another version waits for our end.
            connection.reply({"protocol": PROTOCOL, "pid": os.getpid(), "generation": self._generation})
            return
        self._busy_at = self._loop.now
        if what == "start":
            self._start(connection, message)
        elif what == "follow":
            connection.reply(self._follow(message))
        elif what == "wait":
            self._wait(connection, message)
        elif what == "cancel":
            self._runner.cancel(str(message["uid"]))
            connection.reply({})
        elif what == "forget":
            self._forget(message["uids"])
            connection.reply({})
        elif what in TASK_REQUESTS:
            self._handle_request(connection, message)
        elif what == "answer":
            self._requests.answer(connection, message)
        elif what == "settle":
            self._requests.settle(connection, message)
        elif what == "spool":
            run = self._runner.runs.get(message["uid"])
            connection.reply({} if run is None else _about_spool(run))
        elif what == "renew":
            self._renew(connection, Renewal(message["command"], message["env"]))
        else:
            connection.reply({"error": f"{UNKNOWN_REQUEST} {what!r}"})

    def _handle_request(self, connection: Connection, message: dict[str, Any]) -> None:
        """Take what a task asks: its token says of which run it is."""
        if message.get("do") in TASK_REQUESTS:
            self._requests.take(connection, message)
        else:
            connection.reply({"error": "this is for tasks, and what they may ask"})

    def _renew(self, connection: Connection, renewal: Renewal) -> None:
        """Make room for a supervisor of another version: it finds our runs as it would after our death.

        Without a guardian their exit codes would be lost with us, so that we see to their end first.
        """
        if self._around.guardian.channel is None:
            if not self._retires:
                self._retires = True
                self._look_at_idleness()
            connection.reply({"error": "there is no guardian to see to it"})
            return
        self._around.guardian.renew(renewal)
        raise SystemExit(_RENEWED)

    def _start(self, connection: Connection, message: dict[str, Any]) -> None:
        if self._stops or self._is_over:
            # What we took now nobody would start, and the next supervisor could not know.
            connection.reply({"error": "the engine is being stopped", "again": True})
            return
        if self._retires:
            connection.reply({"error": "the engine makes room for another version when its runs have ended"})
            return
        if self._journal.problem:
            connection.reply({"error": f"nothing can be kept durably: {self._journal.problem}"})
            return
        plain = {
            order["uid"]: {**order, "token": os.urandom(_TOKEN_BYTES).hex()}
            for order in message["orders"]
            if order["uid"] not in self._runner.runs and not self._is_forgotten(order["uid"])
        }
        orders = list(plain.values())
        if self._book is not None:
            try:
                self._book.add(orders)
            except OSError as error:
                connection.reply({"error": f"no memory for orders: {error.strerror}"})
                return
        self._runner.accept(
            orders,
            on_durable=lambda: connection.reply({}),
            on_failure=lambda: connection.reply({"error": f"nothing can be kept durably: {self._journal.problem}"}),
        )

    def _versions_of(self, message: dict[str, Any]) -> dict[str, int]:
        """Return the versions that the client knows, none of them if they are of an earlier supervisor."""
        is_current = message.get("generation") == self._generation
        return {str(uid): int(version) if is_current else 0 for uid, version in message["seen"].items()}

    def _follow(self, message: dict[str, Any]) -> dict[str, Any]:
        runs = self._runner.runs
        seen = self._versions_of(message)
        unknown = [uid for uid in seen if uid not in runs]
        return {
            "generation": self._generation,
            "runs": {
                uid: runs[uid].progress()
                for uid, version in seen.items()
                if uid in runs and runs[uid].version != version
            },
            "absent": [uid for uid in unknown if not self._is_forgotten(uid)],
            "forgotten": [uid for uid in unknown if self._is_forgotten(uid)],
        }

    def _wait(self, connection: Connection, message: dict[str, Any]) -> None:
        seen, linger = self._versions_of(message), float(message.get("linger", 0))
        self._waiters.add(connection, seen, seconds=float(message["seconds"]), linger=linger)

    def _changed(self, run: RunState) -> None:
        self._waiters.changed(run)

    def _task_over(self, run: RunState) -> None:
        self._requests.task_over(run)

    def _closed(self, connection: Connection) -> None:
        self._waiters.closed(connection)
        self._requests.closed(connection)


def _about_spool(run: RunState) -> dict[str, Any]:
    return {"cap_bytes": run.order.output_bytes, "tasks": [task.id for task in run.order.tasks]}

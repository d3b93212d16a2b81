"""Help for tests of the engine: orders in few words, waiting on conditions, and looking for what must not survive."""

import itertools
import json
import os
import signal
import sys
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from reconciler.engine.client import Engine, RunProgress
from reconciler.engine.order import RunOrder, TaskOrder
from reconciler.engine.processes import all_processes
from reconciler.model.instant import utc_now
from reconciler.model.run import OutputRecord, RunStatus

T = TypeVar("T")
PATIENCE_SECONDS = 60
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
BADCHILD = Path(__file__).with_name("badchild.py")


class PartOfEngine:
    """An engine shared with other tests; its uids are told apart from theirs by a prefix that is not seen here."""

    _numbers = itertools.count()

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._prefix = f"part{next(self._numbers)}-"
        self.marker = f"RECONCILER_OUTPUT={engine._folder}/spool/{self._prefix}"

    def start(self, orders: Sequence[RunOrder]) -> None:
        self._engine.start([msgspec.structs.replace(order, uid=self._prefix + order.uid) for order in orders])

    def follow(self, uids: Collection[str]) -> dict[str, RunProgress]:
        progress = self._engine.follow([self._prefix + uid for uid in uids])
        return {uid.removeprefix(self._prefix): run for uid, run in progress.items()}

    def wait(self, timeout_seconds: float, uids: Collection[str]) -> None:
        self._engine.wait(timeout_seconds, [self._prefix + uid for uid in uids])

    def output(self, uid: str) -> list[OutputRecord]:
        return self._engine.output(self._prefix + uid)

    def cancel(self, uid: str) -> None:
        self._engine.cancel(self._prefix + uid)

    def forget(self, uids: Collection[str]) -> None:
        self._engine.forget([self._prefix + uid for uid in uids])


def task(*argv: str, id: str = "one", env: dict[str, str] | None = None, **more) -> TaskOrder:  # noqa: A002
    return TaskOrder(id=id, argv=argv, env=ENV | (env or {}), **more)


def shell(text: str, **more) -> TaskOrder:
    return task("sh", "-c", text, **more)


def badchild(*arguments: str, **more) -> TaskOrder:
    return task(sys.executable, str(BADCHILD), *arguments, **more)


def order(uid: str, *tasks: TaskOrder, **more) -> RunOrder:
    return RunOrder(uid=uid, tasks=tasks, **more)


def until(condition: Callable[[], T], *, what: str = "") -> T:
    """Return the first true value of ``condition``; fail where it takes unreasonably long."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < give_up_at, f"waited in vain for {what or condition}"
        time.sleep(0.005)
    return value


def until_ended(engine: Engine, *uids: str) -> dict[str, RunProgress]:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        progress = engine.follow(uids)
        pending = [uid for uid in uids if uid not in progress or not progress[uid].status.is_ended]
        if not pending:
            return progress
        assert time.monotonic() < give_up_at, f"still pending: {progress}"
        engine.wait(1, pending)


def run_to_end(engine: Engine, *tasks: TaskOrder, uid: str = "run", **more) -> RunProgress:
    engine.start([order(uid, *tasks, **more)])
    return until_ended(engine, uid)[uid]


def output_of(engine: Engine, uid: str = "run") -> bytes:
    return b"".join(record.data for record in engine.output(uid))


def processes_with(marker: str) -> set[int]:
    """Return the pids of living processes that show ``marker`` in their command line or environment."""
    return {
        facts.pid
        for facts in all_processes()
        if facts.pid != os.getpid()
        and not facts.is_dead
        and marker.encode() in shown(facts.pid, "cmdline") + shown(facts.pid, "environ")
    }


def shown(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


def kill_all_with(marker: str) -> None:
    def none_left() -> bool:
        for pid in (found := processes_with(marker)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return not found

    until(none_left, what=f"the end of all that shows {marker}")


def die(engine: Engine) -> int:
    """SIGKILL the supervisor alone, and return the pid of the next, which its guardian raises."""
    pid = engine.supervisor_pid()
    os.kill(pid, signal.SIGKILL)
    return until(lambda: (new := engine.supervisor_pid()) not in (pid, None) and new, what="another supervisor")


def kill_supervisors(folder: Path) -> None:
    """SIGKILL guardian and supervisor, until none is left to raise another."""
    kill_all_with(f"reconciler.engine.supervisor\0{folder}")


def until_running(engine: Engine, uid: str, text: bytes = b"") -> None:
    """Wait until a run runs and has written ``text``."""
    until(lambda: text in output_of(engine, uid) and engine.follow([uid])[uid].status is RunStatus.RUNNING)


def edit_journal(folder: Path, change: Callable[[dict], dict | None]) -> None:
    """Rewrite the journal of an engine that is not running; an entry for which ``change`` returns None is left out."""
    lines = []
    for line in (folder / "journal").read_bytes().splitlines():
        entry = change(json.loads(line[9:]))
        if entry is not None:
            data = json.dumps(entry).encode()
            lines.append(b"%08x %s\n" % (zlib.crc32(data), data))
    (folder / "journal").write_bytes(b"".join(lines))


@contextmanager
def engine_in(folder: Path) -> Iterator[Engine]:
    """An engine that leaves no process behind."""
    engine = Engine(folder, clock=utc_now)
    yield engine
    engine.close()
    kill_all_with(str(folder))

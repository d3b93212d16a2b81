"""The process: where it lives, who may speak to it, when it ends."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.engine import (
    engine_in,
    kill_all_with,
    order,
    output_of,
    processes_with,
    run_to_end,
    shell,
    shown,
    until,
    until_ended,
    until_running,
)

from reconciler.engine import supervisor
from reconciler.engine.client import Engine
from reconciler.engine.eventloop import EventLoop
from reconciler.engine.order import RunOrder
from reconciler.engine.server import Server
from reconciler.engine.wire import encode_message, socket_address, take_message
from reconciler.model.errors import CouldNot, UsageError
from reconciler.model.instant import utc_now
from reconciler.model.run import RunStatus


@pytest.fixture
def raw(engine, tmp_path):
    """Speak to the supervisor without the client: send bytes, get one message, or None when it hangs up."""
    engine.follow(["nobody"])
    folder_fd = os.open(tmp_path / "engine", os.O_RDONLY)
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(socket_address("", folder_fd))
    peer.settimeout(30)

    def ask(data):
        peer.sendall(data)
        incoming = bytearray()
        while (message := take_message(incoming)) is None:
            piece = peer.recv(65536)
            if not piece:
                return None
            incoming += piece
        return message

    yield ask
    peer.close()
    os.close(folder_fd)


def test_it_loads_no_library_and_nothing_that_is_slow_to_load(tmp_path):
    code = "import sys, reconciler.engine.worker, reconciler.engine.supervisor; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    top = {name.partition(".")[0] for name in loaded}
    assert top.isdisjoint({"msgspec", "httpx", "sqlalchemy", "yaml", "git", "pathlib", "asyncio", "dataclasses"})


def test_only_one_serves_a_folder_however_many_are_asked_for(engine, tmp_path):
    folder = tmp_path / "engine"
    engines = [Engine(folder, clock=utc_now) for _ in range(6)]
    threads = [threading.Thread(target=each.follow, args=(["nobody"],)) for each in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each.supervisor_pid() for each in engines}) == 1
    until(lambda: len(processes_with(f"reconciler.engine.supervisor\0{folder}")) == 2, what="guardian and supervisor")
    for each in engines:
        each.close()


def test_threads_may_share_an_engine(engine):
    def use(number):
        assert run_to_end(engine, shell(f"exit {number}"), uid=f"run-{number}").tasks[0].exit_code == number

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress = engine.follow([f"run-{number}" for number in range(8)])
    assert [run.tasks[0].exit_code for run in progress.values()] == list(range(8))


def test_a_folder_with_a_long_path_will_do(tmp_path):
    folder = tmp_path / ("long-" * 40) / ("name-" * 40)
    engine = Engine(folder, clock=utc_now)
    try:
        assert run_to_end(engine, shell("true")).status is RunStatus.COMPLETED
    finally:
        engine.close()
        kill_all_with(str(folder))


def test_its_folder_is_for_its_user_alone(engine, tmp_path):
    folder = tmp_path / "engine"
    folder.mkdir(mode=0o755)
    engine.follow(["nobody"])
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, folder / "socket", folder / "journal")] == [
        "0o700",
        "0o600",
        "0o600",
    ]


def test_another_users_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(PermissionError, match="belongs to user"):
        supervisor.open_folder(str(tmp_path))


def test_another_user_is_not_listened_to(tmp_path, monkeypatch):
    loop = EventLoop()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    Server(loop, listener, lambda connection, _: connection.reply({}), lambda _: None)
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(str(tmp_path / "s"))
    peer.sendall(encode_message({"do": "hello"}))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    loop.turn()
    with pytest.raises(ConnectionResetError):
        peer.recv(100)
    peer.close()
    listener.close()


def test_it_is_detached_from_its_caller(engine, tmp_path):
    engine.follow(["nobody"])
    pid = engine.supervisor_pid()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    assert int(fields[3]) != os.getsid(0)
    # It hides all the rest of itself from its own user; root sees it nevertheless.
    names = {entry.partition(b"=")[0] for entry in shown(pid, "environ").split(b"\0")}
    assert names <= {b"PATH", b"PYTHONPATH", b"LC_CTYPE", b""}
    if os.geteuid() == 0:
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        assert {Path(f"/proc/{pid}/fd/{number}").readlink().name for number in range(2)} == {"null"}
    else:
        with pytest.raises(PermissionError):
            Path(f"/proc/{pid}/environ").read_bytes()


def test_idle_it_ends_by_itself_and_leaves_no_socket(tmp_path):
    folder = tmp_path / "engine"
    engine = Engine(folder, clock=utc_now, idle_seconds=0.1)
    engine.follow(["nobody"])
    until(lambda: not processes_with(f"reconciler.engine.supervisor\0{folder}"), what="its end")
    assert not (folder / "socket").exists()
    assert engine.supervisor_pid() is None
    engine.close()


def test_an_order_that_meets_a_supervisor_on_its_way_out_goes_to_the_next(tmp_path):
    with engine_in(tmp_path / "engine") as engine:
        engine._idle_seconds = 0.2
        engine.follow(["nobody"])
        leaving = engine.supervisor_pid()
        os.kill(leaving, signal.SIGSTOP)
        with ThreadPoolExecutor() as pool:
            # By the time it goes on, both its end and the order are due.
            ended = pool.submit(run_to_end, engine, shell("true"))
            threading.Timer(0.3, os.kill, (leaving, signal.SIGCONT)).start()
            assert ended.result().status is RunStatus.COMPLETED
        assert engine.supervisor_pid() != leaving


def test_it_stays_while_a_living_client_has_something_to_collect(tmp_path):
    folder = tmp_path / "engine"
    engine = Engine(folder, clock=utc_now, idle_seconds=0.05)
    try:
        run_to_end(engine, shell("true"))
        pid = engine.supervisor_pid()
        began = time.monotonic()
        until(lambda: time.monotonic() > began + 0.3)
        assert engine.supervisor_pid() == pid
        engine.close()
        until(lambda: not processes_with(f"reconciler.engine.supervisor\0{folder}"), what="its end")
        assert engine.follow(["run"])["run"].status is RunStatus.COMPLETED
    finally:
        engine.close()
        kill_all_with(str(folder))


def test_a_call_over_its_death_is_answered_by_the_next(engine):
    engine.follow(["nobody"])
    waiting = threading.Thread(target=engine.wait, args=(0.5, ["nobody"]))
    waiting.start()
    os.kill(engine.supervisor_pid(), signal.SIGKILL)
    waiting.join()
    assert run_to_end(engine, shell("true")).status is RunStatus.COMPLETED


def test_wait_returns_as_soon_as_something_has_changed(engine, tmp_path):
    gate = tmp_path / "gate"
    engine.start([order("run", shell(f"until test -e {gate}; do sleep 0.01; done"))])
    until_running(engine, "run")
    began = time.monotonic()
    engine.wait(0.05, ["run"])
    assert time.monotonic() - began >= 0.05
    gate.touch()
    engine.wait(60, ["run", "another"])
    assert engine.follow(["run"])["run"].status is RunStatus.COMPLETED


def test_what_is_not_a_message_is_answered_and_hung_up_on(raw):
    assert "not understood" in raw(b"\0\0\0\x05hello")["error"]
    with pytest.raises(OSError, match=r"Broken pipe|reset by peer"):
        raw(b"more")


@pytest.mark.parametrize(
    "message",
    [{"do": "start", "orders": [{"uid": "x"}]}, {"do": "start"}, {"do": "follow", "seen": 5}, {"do": "cancel"}],
)
def test_a_request_that_makes_no_sense_harms_nobody(engine, raw, message):
    assert "error" in raw(encode_message(message))
    assert run_to_end(engine, shell("true")).status is RunStatus.COMPLETED


def test_an_unknown_request_is_refused(raw):
    assert raw(encode_message({"do": "dance"})) == {"error": "unknown request 'dance'"}


def test_a_uid_that_could_be_a_path_is_refused(engine):
    for uid in ("../x", "a/b", "", "a\n", "x" * 200, ".hidden"):
        with pytest.raises(UsageError):
            engine.start([RunOrder(uid=uid, tasks=())])


def test_a_run_without_tasks_is_completed(engine):
    assert run_to_end(engine).status is RunStatus.COMPLETED


def test_cancelling_what_is_over_or_unknown_changes_nothing(engine):
    run_to_end(engine, shell("true"))
    engine.cancel("run")
    engine.cancel("nobody")
    assert engine.follow(["run"])["run"].status is RunStatus.COMPLETED


def test_what_still_runs_is_not_forgotten(engine):
    engine.start([order("run", shell("sleep 600"))])
    engine.forget(["run"])
    assert not engine.follow(["run"])["run"].status.is_ended


def test_a_folder_that_cannot_be_made_is_told_of_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    engine = Engine(tmp_path / "file" / "engine", clock=utc_now)
    with pytest.raises(CouldNot, match=f"{tmp_path}/file.*Not a directory"):
        engine.follow(["run"])


def test_c12_without_its_folder_it_ends_with_all_its_runs(engine, tmp_path):
    engine.start([order("run", shell("sleep 600"))])
    until_running(engine, "run")
    shutil.rmtree(tmp_path / "engine")
    until(lambda: not processes_with(f"{tmp_path}/engine"), what="the end of all of them")
    assert engine.follow(["run"]) == {}


def limit_files(pid, size):
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def test_s1_on_a_full_disk_nothing_starts_and_what_runs_is_told_of_when_there_is_room(engine, tmp_path):
    gate = tmp_path / "gate"
    engine.start([order("run", shell(f"until test -e {gate}; do sleep 0.01; done; exit 4"))])
    run_to_end(engine, *(shell("true", id=f"t{number}") for number in range(20)), uid="earlier")
    until_running(engine, "run")
    pid = engine.supervisor_pid()
    # Room for one more order in memory, none for the journal.
    limit_files(pid, 9000)
    with pytest.raises(CouldNot, match="nothing can be kept durably: journal: "):
        engine.start([order("next", shell(f"touch {tmp_path}/evidence"))])
    gate.touch()
    until(lambda: not processes_with(f"{tmp_path}/engine/spool/run.0.outputs"))
    engine.wait(0.2, ["run"])
    assert engine.follow(["run"])["run"].status is RunStatus.RUNNING
    limit_files(pid, resource.RLIM_INFINITY)
    assert until_ended(engine, "run")["run"].tasks[0].exit_code == 4
    assert not (tmp_path / "evidence").exists()
    assert run_to_end(engine, shell("true"), uid="next").status is RunStatus.COMPLETED


def test_the_state_of_an_engine_is_as_large_as_what_it_has_to_remember(engine, tmp_path):
    for batch in range(6):
        uids = [f"run-{batch}-{number}" for number in range(300)]
        engine.start([RunOrder(uid=uid, tasks=()) for uid in uids])
        until_ended(engine, *uids)
        engine.forget(uids)
    assert (tmp_path / "engine/journal").stat().st_size < 1_500_000
    engine.start([RunOrder(uid="run-0-0", tasks=())])
    assert engine.follow(["run-0-0", "run-5-299"])["run-0-0"].reason == "forgotten"
    assert output_of(engine, "run-0-0") == b""

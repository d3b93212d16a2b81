"""C13, G24: another version of the program meets what this one has left."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from support.engine import (
    edit_journal,
    kill_supervisors,
    order,
    output_of,
    run_to_end,
    shell,
    until,
    until_ended,
    until_running,
)

import reconciler
from reconciler.engine import client
from reconciler.engine.client import Engine, RunProgress
from reconciler.engine.order import RunOrder
from reconciler.engine.processes import facts_of
from reconciler.engine.recall import FORMAT
from reconciler.engine.wire import PROTOCOL
from reconciler.model.errors import CouldNot, TargetUnavailable
from reconciler.model.instant import utc_now
from reconciler.model.run import RunStatus


def install(folder: Path, *, protocol: int) -> Path:
    """Install the program elsewhere, as another version of it; return the folder of its engine."""
    package = Path(reconciler.__file__).parent
    for name in ("__init__.py", "engine", "model"):
        copy = shutil.copytree if (package / name).is_dir() else shutil.copy
        (folder / "reconciler").mkdir(parents=True, exist_ok=True)
        copy(package / name, folder / "reconciler" / name)
    edit(folder / "reconciler/engine/wire.py", f"PROTOCOL = {PROTOCOL}", f"PROTOCOL = {protocol}")
    return folder / "reconciler/engine"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """The program as installed elsewhere, with a later protocol."""
    install(tmp_path / "next", protocol=PROTOCOL + 1)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "next"))
    monkeypatch.setattr(client, "PROTOCOL", PROTOCOL + 1)


@pytest.fixture
def start_earlier(engine, tmp_path, monkeypatch):
    """Have the engine served by an earlier version, which knows fewer requests, and start an order there."""

    def start(first: RunOrder, *, protocol: int) -> None:
        code = install(tmp_path / "earlier", protocol=protocol)
        for request in ("renew", "spool"):
            edit(code / "worker.py", f'what == "{request}"', 'what == "not yet invented"')
        with monkeypatch.context() as patch:
            patch.setenv("PYTHONPATH", str(tmp_path / "earlier"))
            patch.setattr(client, "PROTOCOL", protocol)
            earlier = Engine(tmp_path / "engine", clock=utc_now)
            earlier.start([first])
            earlier.close()

    return start


def test_c13_a_later_version_takes_over_the_runs_of_an_earlier_one(engine, tmp_path, request):
    gate = tmp_path / "gate"
    first = shell(f"echo before; until test -e {gate}; do sleep 0.01; done; echo after; exit 3", id="a")
    engine.start([order("run", first)])
    until_running(engine, "run", b"before")
    earlier = engine.supervisor_pid()
    request.getfixturevalue("next_version")
    later = Engine(tmp_path / "engine", clock=utc_now)
    assert later.follow(["run"])["run"].status is RunStatus.RUNNING
    assert later.supervisor_pid() != earlier
    gate.touch()
    assert until_ended(later, "run")["run"].tasks[0].exit_code == 3
    assert output_of(later) == b"before\nafter\n"
    later.close()


def test_an_earlier_version_leaves_the_supervisor_of_a_later_one_alone(engine, monkeypatch):
    engine.follow(["nobody"])
    pid = engine.supervisor_pid()
    monkeypatch.setattr(client, "PROTOCOL", 0)
    other = Engine(engine._folder, clock=utc_now)
    with pytest.raises(CouldNot, match=rf"is of another version .* \(it speaks protocol {PROTOCOL}, this one 0\)"):
        other.follow(["nobody"])
    monkeypatch.undo()
    assert engine.supervisor_pid() == pid


def test_g24_the_journal_of_a_later_version_is_refused_and_left_alone(engine, tmp_path):
    run_to_end(engine, shell("true"))
    kill_supervisors(tmp_path / "engine")
    later = {"format": FORMAT + 1}
    edit_journal(tmp_path / "engine", lambda entry: entry | later if entry["kind"] == "boot" else entry)
    before = (tmp_path / "engine/journal").read_bytes()
    words = rf"journal: was written by a later version .* \(format {FORMAT + 1}, this one reads {FORMAT}\)"
    with pytest.raises(CouldNot, match=words):
        engine.follow(["run"])
    assert (tmp_path / "engine/journal").read_bytes() == before


def until_it_answers(engine: Engine, uid: str) -> RunProgress:
    def look() -> RunProgress | None:
        try:
            return engine.follow([uid])[uid]
        except TargetUnavailable:
            return None

    return until(look, what="a supervisor of our version")


def test_c13_an_earlier_version_that_cannot_hand_over_ends_its_runs_first(engine, start_earlier, tmp_path):
    gate = tmp_path / "gate"
    start_earlier(order("run", shell(f"until test -e {gate}; do sleep 0.01; done; exit 3")), protocol=PROTOCOL - 1)
    words = rf"is of another version .* \(it speaks protocol {PROTOCOL - 1}, this one {PROTOCOL}\)"
    for _ in range(2):
        with pytest.raises(TargetUnavailable, match=words) as silence:
            engine.start([order("next", shell("echo here"))])
        assert silence.value.hint == "Its runs go on; it is replaced when they have ended."
    gate.touch()
    assert until_it_answers(engine, "run").tasks[0].exit_code == 3
    assert run_to_end(engine, shell("echo here"), uid="next").status is RunStatus.COMPLETED


def test_c13_an_earlier_version_without_runs_is_replaced_at_once(engine, start_earlier, tmp_path):
    start_earlier(order("run", shell("true")), protocol=PROTOCOL - 1)
    assert until_it_answers(engine, "run").status is RunStatus.COMPLETED


def test_c13_a_supervisor_that_does_not_know_a_request_is_replaced_too(engine, start_earlier):
    start_earlier(order("run", shell("echo here")), protocol=PROTOCOL)
    until_ended(engine, "run")
    earlier = engine.supervisor_pid()
    assert output_of(engine) == b"here\n"
    assert engine.supervisor_pid() != earlier


def test_c13_one_without_a_guardian_takes_no_more_and_makes_room(engine, tmp_path, request):
    gate = tmp_path / "gate"
    engine.start([order("run", shell(f"until test -e {gate}; do sleep 0.01; done; exit 3"))])
    until_running(engine, "run")
    earlier = engine.supervisor_pid()
    os.kill(facts_of(earlier).parent, signal.SIGKILL)
    request.getfixturevalue("next_version")
    later = Engine(tmp_path / "engine", clock=utc_now)
    with pytest.raises(TargetUnavailable, match="is of another version"):
        later.follow(["run"])
    with pytest.raises(TargetUnavailable, match="makes room for another version"):
        engine.start([order("more", shell("true"))])
    gate.touch()
    assert until_it_answers(later, "run").tasks[0].exit_code == 3
    assert later.supervisor_pid() != earlier
    later.close()

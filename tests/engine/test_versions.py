"""C13, G24: another version of the program meets what this one has left."""

import shutil
from pathlib import Path

import pytest
from support.engine import (
    edit_journal,
    kill_supervisors,
    order,
    output_of,
    run_to_end,
    shell,
    until_ended,
    until_running,
)

import reconciler
from reconciler.engine import client
from reconciler.engine.client import Engine
from reconciler.engine.recall import FORMAT
from reconciler.engine.wire import PROTOCOL
from reconciler.model.errors import CouldNot
from reconciler.model.instant import utc_now
from reconciler.model.run import RunStatus


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """The program as installed elsewhere, with a later protocol."""
    package = Path(reconciler.__file__).parent
    for name in ("__init__.py", "engine", "model"):
        copy = shutil.copytree if (package / name).is_dir() else shutil.copy
        (tmp_path / "next/reconciler").mkdir(parents=True, exist_ok=True)
        copy(package / name, tmp_path / "next/reconciler" / name)
    wire = tmp_path / "next/reconciler/engine/wire.py"
    wire.write_text(wire.read_text().replace(f"PROTOCOL = {PROTOCOL}", f"PROTOCOL = {PROTOCOL + 1}"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "next"))
    monkeypatch.setattr(client, "PROTOCOL", PROTOCOL + 1)


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

"""Starting programs with the C library's own call."""

import os
from pathlib import Path

import pytest
from support.engine import until

from reconciler.engine.spawner import CannotStart, Spawner, Start, prepare_program


@pytest.fixture
def start():
    """Start a program, wait for what came of it, and return that with what was told before and after."""
    spawner = Spawner(wake=lambda: None)

    def run(*argv, cwd="/", env=None, obstacle=""):
        told, outcomes = [], []
        null = os.open(os.devnull, os.O_RDWR)
        program = prepare_program(argv, env or {}, cwd=cwd, stdio=(null, null, null))
        spawner.start(
            Start(program, before=lambda: told.append("before") or obstacle, after=told.append, done=outcomes.append)
        )
        until(lambda: spawner.run_callbacks() or outcomes)
        os.close(null)
        return told, outcomes[0]

    run.spawner = spawner
    return run


def exit_code(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_program_starts_with_its_marks_around_it(start):
    told, pid = start("sh", "-c", "exit 7")
    assert told == ["before", pid]
    assert exit_code(pid) == 7


def test_what_cannot_start_is_an_outcome(start):
    told, outcome = start("/etc/passwd")
    assert told == ["before"]
    assert isinstance(outcome, CannotStart)
    assert str(outcome) == "/etc/passwd: Permission denied"


def test_what_cannot_be_written_down_is_not_started(start, tmp_path):
    told, outcome = start("touch", str(tmp_path / "evidence"), obstacle="journal: No space left on device")
    assert (told, str(outcome)) == (["before"], "journal: No space left on device")
    assert not (tmp_path / "evidence").exists()


def test_the_folder_is_the_childs_alone(start, tmp_path):
    (tmp_path / "here").touch()
    _, pid = start("test", "-e", "here", cwd=str(tmp_path))
    assert exit_code(pid) == 0
    assert Path.cwd() != tmp_path


def test_with_an_old_c_library_the_folder_is_right_too(start, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "here").touch()
    start.spawner._add_chdir = None
    _, pid = start("test", "-e", "here", cwd=str(tmp_path))
    assert exit_code(pid) == 0
    assert Path.cwd() == Path("/")


def test_a_relative_entry_of_path_is_not_looked_into(tmp_path, monkeypatch):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotStart, match="not found in PATH"):
        prepare_program(["program"], {"PATH": ".:"}, cwd=str(tmp_path), stdio=(0, 1, 2))


def test_a_program_in_path_that_may_not_be_run_is_named(tmp_path):
    (tmp_path / "program").touch(mode=0o644)
    with pytest.raises(CannotStart, match=f"{tmp_path}/program: Permission denied"):
        prepare_program(["program"], {"PATH": str(tmp_path)}, cwd="/", stdio=(0, 1, 2))

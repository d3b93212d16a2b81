"""A copy of the state, put back; and a damaged state, gone on with: as a person does it."""

import json
import os
import sqlite3
from contextlib import closing

import pytest

RESTORED = "Next: reconciler plan, then: reconciler reconcile"


@pytest.fixture
def state(project):
    """A state with one run, and the file that it is in."""
    project.commit_job(parameters=[{"name": "who", "default": "Ada"}])
    assert project.call("reconcile").code == 0
    assert project.call("run", "hello", "--var", "who=Bob", "--wait").code == 0
    return project.repo.path / ".git" / "reconciler" / "state.db"


def uids(project):
    return [run["uid"] for run in project.call("runs", "list", "--format", "json").json]


def test_s12_what_ran_after_the_backup_is_known_after_its_restore_and_not_run_again(project, state):
    backup = project.call("backup").out.strip()
    project.commit_run("once")
    project.call("reconcile")
    before = uids(project)
    answer = project.call("restore", "--yes", backup)
    assert answer.code == 0, answer.err
    assert "Runs known by their reports alone: 1." in answer.err
    assert RESTORED in answer.err
    assert project.call("reconcile").code == 0
    assert uids(project) == before
    assert project.call("plan", "--exit-code").code == 0
    shown = project.call("runs", "show", before[0])
    assert "of hello: completed" in shown.out
    assert project.call("runs", "retry", before[0], "--wait").code == 0


def test_a_backup_has_a_name_by_time_or_the_one_that_is_given(project, state, tmp_path):
    first = project.call("backup").out.strip()
    assert first.startswith(f"{state.parent}/backups/state-")
    given = project.call("backup", str(tmp_path / "mine.db"), "--format", "json")
    assert given.json["file"] == str(tmp_path / "mine.db")
    assert given.json["bytes"] == (tmp_path / "mine.db").stat().st_size
    again = project.call("backup", str(tmp_path / "mine.db"))
    assert (again.code, "is there already" in again.err) == (1, True)
    for _ in range(3):
        project.call("backup", "--keep", "2")
    assert len(list((state.parent / "backups").iterdir())) == 2
    assert project.call("backup", "x.db", "--keep", "2").code == 64


def test_there_is_nothing_to_back_up_before_the_first_pass(project):
    project.commit_job()
    answer = project.call("backup")
    assert answer.code == 1
    assert "there is no state yet" in answer.err
    assert "reconciler reconcile" in answer.err


def test_without_a_yes_nothing_is_restored_where_nobody_is_asked(project, state):
    backup = project.call("backup").out.strip()
    content = state.read_bytes()
    answer = project.call("restore", backup)
    assert answer.code == 4
    assert f"reconciler restore --yes {backup}" in answer.err
    assert state.read_bytes() == content


@pytest.mark.parametrize("name", ["nothing-there", "reconciler.toml"])
def test_what_is_no_backup_is_refused(project, state, name):
    project.repo.write("reconciler.toml", "")
    content = state.read_bytes()
    answer = project.call("restore", "--yes", str(project.repo.path / name))
    assert answer.code == 1
    assert answer.err.startswith("reconciler: ")
    assert state.read_bytes() == content


def test_nothing_is_restored_under_a_run_that_is_under_way(project, state):
    project.commit_job("long", tasks=[{"id": "wait", "command": "sleep", "arguments": ["100"]}])
    project.call("apply")
    backup = project.call("backup").out.strip()
    uid = project.call("run", "long").out.split()[-1]
    project.call("runs", "list")
    answer = project.call("restore", "--yes", backup)
    assert answer.code == 1, answer.err
    assert "1 runs are under way" in answer.err
    assert f"reconciler wait {uid}" in answer.err or "reconciler wait" in answer.err
    project.call("runs", "cancel", uid)


def test_s4_a_damaged_state_says_what_to_do_and_goes_on_after_it(project, state):
    project.commit_run("once")
    project.call("reconcile")
    before = uids(project)
    with state.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(3996))
    refused = project.call("reconcile")
    assert refused.code == 1
    assert "the database is damaged" in refused.err
    assert "reconciler repair" in refused.err
    assert project.call("repair").code == 4
    repaired = project.call("repair", "--yes")
    assert repaired.code == 0, repaired.err
    assert "The damaged state is kept: " in repaired.err
    assert project.call("reconcile").code == 0
    assert uids(project) == before
    assert project.call("repair").err == f"{state} is sound; nothing was changed.\n"


def test_s5_a_state_that_is_gone_is_made_anew_from_its_reports(project, state):
    before = uids(project)
    state.unlink()
    assert project.call("status").code == 1
    assert project.call("repair", "--yes").code == 0
    assert project.call("reconcile").code == 0
    assert uids(project) == before


def test_backup_and_restore_leave_no_secret_and_no_leftover_behind(project, state):
    backup = project.call("backup").out.strip()
    project.call("restore", "--yes", backup)
    names = {path.name for path in state.parent.iterdir()}
    assert not any(name.startswith(".") or name.endswith(".part") for name in names)
    assert all(path.stat().st_mode & 0o077 == 0 for path in state.parent.glob("state.db*"))
    assert json.loads(project.call("status", "--format", "json").out)


def test_p16_a_row_that_cannot_be_read_is_told_with_the_way_on(project, state):
    with closing(sqlite3.connect(state)) as database, database:
        database.execute("UPDATE runs SET device = '{'")
    answer = project.call("runs", "list")
    assert answer.code == 1
    assert answer.err.startswith("reconciler: the state has a row that cannot be read: run ")
    assert "reconciler repair" in answer.err
    repaired = project.call("repair")
    assert repaired.code == 0
    assert "Set aside: runs: " in repaired.err
    assert f"kept in {state}-unreadable.jsonl" in repaired.err
    assert len(uids(project)) == 1
    assert project.call("repair").err == f"{state} is sound; nothing was changed.\n"

"""Kills, signals and two at once: the next pass finds and finishes what was cut off."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

from support.cli import Project
from support.engine import until
from support.repo import make_repo

from reconciler.loop.owner import is_gone, name_owner, show_owner
from reconciler.model.instant import utc_now
from reconciler.model.uids import new_uid
from reconciler.store.open import open_store

# Where the tests themselves run in the background of a shell, Ctrl-C is ignored by all that they start.
HEARING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from reconciler.cli.main import run_cli
sys.exit(run_cli(sys.argv[1:]))
"""


def reconcile_in_background(project):
    return subprocess.Popen(
        [sys.executable, "-c", HEARING, "-C", str(project.repo.path), "reconcile"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def statuses(project):
    return [run["status"] for run in project.call("runs", "list", "--format", "json").json]


def commit_waiting_job(project, gate):
    project.commit_job(tasks=[{"id": "wait", "script": f"while [ ! -e {gate} ]; do sleep 0.05; done; echo done"}])
    project.commit_run("once")


def test_an_interrupted_reconcile_leaves_with_130_and_its_run_goes_on(project, tmp_path):
    gate = tmp_path / "gate"
    commit_waiting_job(project, gate)
    process = reconcile_in_background(project)
    until(lambda: statuses(project) == ["running"])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "interrupted"
    gate.touch()
    until(lambda: statuses(project) == ["completed"])


def test_a_killed_reconcile_loses_nothing_and_starts_nothing_twice(project, tmp_path):
    """RELIABILITY P4, G1."""
    gate = tmp_path / "gate"
    commit_waiting_job(project, gate)
    process = reconcile_in_background(project)
    until(lambda: statuses(project) == ["running"])
    process.kill()
    process.communicate(timeout=60)
    gate.touch()
    answer = project.call("reconcile", "--format", "json")
    assert answer.code == 0
    (run,) = project.call("runs", "list", "--format", "json").json
    assert run["status"] == "completed"
    assert "runs/" in project.repo.git("ls-tree", "-r", "--name-only", "reconciler-reports")


def hold_apply_lease(project, owner):
    store = open_store(project.repo.path / ".git/reconciler/state.db", new_uid=new_uid, now=utc_now())
    store.acquire_lease("apply", owner=owner, now=utc_now(), until=utc_now() + timedelta(minutes=9))
    store.close()


def test_an_apply_beside_another_is_refused_and_names_it(project):
    """RELIABILITY X3."""
    project.commit_job()
    project.call("status")
    hold_apply_lease(project, "elsewhere:4711:99")
    answer = project.call("reconcile")
    assert answer.code == 1
    assert "an apply is in progress by elsewhere:4711 since" in answer.err
    assert project.call("runs", "list", "--format", "json").json == []


def test_the_lease_of_a_process_that_was_killed_is_taken_over(project):
    """RELIABILITY P7: no operator is needed."""
    project.commit_job()
    project.call("status")
    process = subprocess.Popen([sys.executable, "-c", "print(open('/proc/self/stat').read())"], stdout=subprocess.PIPE)
    stat = process.communicate()[0].decode()
    start = stat.rpartition(")")[2].split()[19]
    hold_apply_lease(project, f"{os.uname().nodename}:{process.pid}:{start}")
    assert project.call("reconcile").code == 0


def test_an_owner_says_whether_it_still_lives():
    owner = name_owner("here")
    assert show_owner(owner) == f"here:{os.getpid()}"
    assert not is_gone(owner, host="here")
    assert is_gone(f"here:{os.getpid()}:1", host="here")
    assert not is_gone(f"there:{os.getpid()}:1", host="here")
    assert not is_gone("nonsense", host="here")


def test_reports_are_pushed_where_the_settings_say_so(tmp_path, monkeypatch, capfd):
    from support.cli import quiet_environment

    quiet_environment(monkeypatch)
    bare = make_repo(tmp_path / "bare.git", bare=True)
    project = Project(make_repo(tmp_path / "repo"), capfd)
    project.repo.git("remote", "add", "origin", str(bare.path))
    project.repo.write("reconciler.toml", '[reports]\npush = "origin"\n')
    project.commit_job()
    commit = project.commit_run("once")
    project.repo.git("push", "-q", "origin", "main")
    answer = project.call("reconcile", "--format", "json")
    assert answer.json["reports"]["pushed"] is True
    uid = answer.json["runs"][0]["uid"]
    assert uid in bare.git("ls-tree", "-r", "--name-only", "reconciler-reports")
    assert uid in bare.git("log", "-1", "--notes=reconciler", commit)
    project.clean_up()


def test_a_push_that_fails_is_told_and_the_reports_stay_for_the_next_time(tmp_path, monkeypatch, capfd):
    from support.cli import quiet_environment

    quiet_environment(monkeypatch)
    project = Project(make_repo(tmp_path / "repo"), capfd)
    project.repo.git("remote", "add", "origin", str(tmp_path / "nowhere.git"))
    project.repo.write("reconciler.toml", '[reports]\npush = "origin"\n')
    project.commit_job()
    project.commit_run("once")
    answer = project.call("reconcile")
    assert answer.code == 1
    assert "reports: " in answer.err
    assert "completed" in answer.out
    bare = make_repo(tmp_path / "nowhere.git", bare=True)
    assert project.call("reconcile").code == 0
    assert "runs/" in bare.git("ls-tree", "-r", "--name-only", "reconciler-reports")
    project.clean_up()

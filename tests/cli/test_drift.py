"""`reconciler drift`, on a folder of job files that somebody has been at."""

import json

import pytest
from support.keeper import add_agents, edit


@pytest.fixture
def agents(project, tmp_path):
    """A folder that agents read, with one applied job in it."""
    jobs = add_agents(project, tmp_path / "Jobs")
    project.commit_job("scan", targets=["agents"], schedule={"intervalMinutes": 30}, events=["Startup"])
    assert project.call("apply").code == 0
    return jobs


def test_after_an_apply_there_is_none(project, agents):
    answer = project.call("drift", "--exit-code")
    assert (answer.code, answer.out) == (
        0,
        "agents:\n  as applied: 1\nDrift: 0 changed, 0 missing, 0 unreadable, of 1 applied.\n",
    )


def test_what_was_changed_by_hand_is_told_and_left_as_it_is(project, agents):
    edit(agents / "scan.json", enabled=False, category="x")
    was = (agents / "scan.json").read_bytes()
    answer = project.call("drift", "--exit-code")
    assert answer.code == 2
    assert (
        "  ~ job scan  changed  definitions/jobs/scan.json\n      enabled: true (default) -> false  (theirs)\n"
        in answer.out
    )
    assert "      category: x  (unmanaged)\n" in answer.out
    assert (agents / "scan.json").read_bytes() == was
    assert project.call("drift").code == 0


def test_the_next_apply_brings_it_back_and_keeps_what_was_added(project, agents):
    edit(agents / "scan.json", enabled=False, category="x")
    assert project.call("apply").code == 0
    raw = json.loads((agents / "scan.json").read_text())
    assert (raw["enabled"], raw["category"]) == (True, "x")
    assert project.call("drift", "--exit-code").code == 0


def test_it_is_written_as_json_and_markdown(project, agents):
    (agents / "scan.json").unlink()
    (target,) = project.call("drift", "--format", "json").json["targets"]
    assert [(item["id"], item["state"]) for item in target["items"]] == [("scan", "missing")]
    assert "| `scan` | missing |" in project.call("drift", "--format", "markdown").out


def test_a_folder_that_is_gone_is_no_drift_but_not_known(project, agents):
    (agents / "scan.json").unlink()
    (agents / ".reconciler-owned").unlink()
    agents.rmdir()
    answer = project.call("drift", "--exit-code", "--target", "agents")
    assert answer.code == 1
    assert f"could not be read: target agents: there is no folder {agents}" in answer.out


@pytest.mark.parametrize(
    ("target", "why"), [("agnets", "target agnets is not applied here"), ("local", "holds no jobs of its own")]
)
def test_another_target_is_wrong_usage(project, agents, target, why):
    answer = project.call("drift", "--target", target)
    assert answer.code == 64
    assert why in answer.err


def test_nothing_is_started_here_for_a_target_that_holds_its_jobs(project, agents):
    assert project.call("event", "Startup").code == 0
    assert project.call("reconcile").code == 0
    assert project.call("runs", "list", "--format", "json").json == []
    answer = project.call("run", "scan")
    assert answer.code == 1
    assert "its target starts it by itself, and cannot be asked to; nothing was started" in answer.err
    span = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T02:00:00Z")
    assert "its target starts it by itself" in project.call("backfill", "scan", *span).err
    assert project.call("status", "--format", "json").json["upcoming"] == []


def test_a_one_off_for_such_a_target_is_a_problem(project, agents):
    project.commit_run("once", "scan")
    answer = project.call("validate")
    assert answer.code == 3
    assert "TGT003" in answer.out


def test_a_simulation_leaves_out_what_is_started_elsewhere(project, agents):
    project.commit_job("here", schedule={"intervalMinutes": 30})
    answer = project.call("simulate", "--from", "2026-01-01", "--to", "2026-01-02", "--format", "json")
    assert [job["id"] for job in answer.json["jobs"]] == ["here"]
    assert answer.err == "Left out, as their targets start them by themselves: scan\n"


def test_a_pause_says_when_it_counts_where_the_target_starts_the_job(project, agents):
    paused = project.call("pause", "scan", "--reason", "disk")
    assert "agents starts it by itself: there it is disabled by the next apply." in paused.err
    project.call("apply")
    assert json.loads((agents / "scan.json").read_text())["enabled"] is False
    assert project.call("drift", "--exit-code").code == 0
    assert "there it is enabled by the next apply" in project.call("resume", "scan").err
    project.call("apply")
    assert json.loads((agents / "scan.json").read_text())["enabled"] is True

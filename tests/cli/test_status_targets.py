"""How each target stands, as `reconciler status` tells it."""

import shutil

import pytest
from support.keeper import add_agents, edit


@pytest.fixture
def agents(project, tmp_path):
    folder = add_agents(project, tmp_path / "Jobs")
    project.commit_job("scan", targets=["agents"], schedule={"intervalMinutes": 30})
    project.commit_job("here", schedule={"intervalMinutes": 30})
    return folder


def status(project, *options):
    return project.call("status", "--format", "json", *options).json["targets"]


def lines(project):
    out = project.call("status").out
    return [line.strip() for line in out.partition("Targets:\n")[2].partition("\n\n")[0].splitlines()[1:]]


def test_after_an_apply_each_target_is_in_sync_at_its_commit(project, agents):
    project.call("apply")
    commit = project.repo.git("rev-parse", "HEAD")
    told = status(project)
    assert {name: (item["jobs"], item["inSync"]) for name, item in told.items()} == {
        "agents": (1, True),
        "local": (1, True),
    }
    assert (
        {item["attemptedCommit"] for item in told.values()} == {commit} == {i["appliedCommit"] for i in told.values()}
    )
    assert [line.split() for line in lines(project)] == [
        ["agents", "1", commit[:12], commit[:12], "in", "sync"],
        ["local", "1", commit[:12], commit[:12], "in", "sync"],
    ]


def test_what_somebody_changed_is_drift_now_and_not_at_the_last_pass(project, agents):
    project.call("apply")
    edit(agents / "scan.json", enabled=False)
    told = status(project)["agents"]
    assert (told["inSync"], told["drift"]) == (False, [{"kind": "job", "id": "scan", "state": "changed"}])
    assert lines(project)[0].endswith("1 drifted")
    assert status(project, "--offline")["agents"]["inSync"] is None


def test_a_target_that_does_not_answer_keeps_the_commit_that_was_applied(project, agents):
    project.call("apply")
    first = project.repo.git("rev-parse", "HEAD")
    shutil.rmtree(agents)
    second = project.commit_job("scan", targets=["agents"], schedule={"intervalMinutes": 60})
    assert project.call("apply").code == 1
    told = status(project)["agents"]
    assert (told["attemptedCommit"], told["appliedCommit"], told["inSync"], told["drift"]) == (
        second,
        first,
        False,
        None,
    )
    assert told["errors"] == [f"target agents: there is no folder {agents}"]
    assert f"agents: target agents: there is no folder {agents}" in lines(project)
    assert status(project)["local"]["inSync"] is True


def test_a_target_that_went_away_since_is_not_known(project, agents):
    project.call("apply")
    shutil.rmtree(agents)
    told = status(project)["agents"]
    assert (told["inSync"], told["errors"]) == (None, [f"target agents: there is no folder {agents}"])
    assert "drift not known" in lines(project)[0]


def test_a_change_that_is_refused_is_told_until_it_is_done(project, agents):
    project.call("apply")
    (agents / "scan.json").write_text("{")
    project.commit_job("scan", targets=["agents"], schedule={"intervalMinutes": 60})
    project.call("apply")
    told = status(project)["agents"]
    assert [item["id"] for item in told["held"]] == ["scan"]
    assert any("scan is held: agents has one of that id that cannot be managed" in line for line in lines(project))


def test_invalid_definitions_are_not_applied_in_full(project, agents):
    project.call("apply")
    first = project.repo.git("rev-parse", "HEAD")
    project.commit_job("bad", targets=["agents"], retry={"attempts": 3})
    assert project.call("apply").code == 3
    told = status(project)["agents"]
    assert (told["appliedCommit"], told["inSync"]) == (first, False)
    assert told["errors"] == ["1 problem in the definitions; what is invalid keeps its applied form"]


def test_a_guard_that_refuses_is_told_at_the_targets(project, agents):
    project.call("apply")
    first = project.repo.git("rev-parse", "HEAD")
    project.repo.git("rm", "--quiet", "definitions/jobs/here.json", "definitions/jobs/scan.json")
    second = project.repo.commit("Remove all")
    assert project.call("apply", "--yes").code == 4
    told = status(project)["agents"]
    assert (told["attemptedCommit"], told["appliedCommit"]) == (second, first)
    assert "no job is declared at all" in told["errors"][0]


def test_metrics_tell_the_same(project, agents):
    project.call("apply")
    edit(agents / "scan.json", enabled=False)
    metrics = project.call("status", "--format", "prometheus").out
    assert 'reconciler_target_in_sync{target="agents"} 0\nreconciler_target_in_sync{target="local"} 1\n' in metrics
    assert 'reconciler_target_drift{target="agents"} 1\n# HELP' in metrics
    assert 'reconciler_target_jobs{target="agents"} 1\n' in metrics
    offline = project.call("status", "--format", "prometheus", "--offline").out
    assert 'reconciler_target_in_sync{target="agents"}' not in offline


def test_an_engine_that_does_not_answer_is_told_of(project, tmp_path):
    """RELIABILITY C13, S8: what is shown is what the state knows, and why it may be old."""
    gate = tmp_path / "gate"
    project.commit_job(tasks=[{"id": "wait", "script": f"while [ ! -e {gate} ]; do sleep 0.05; done"}])
    project.call("apply")
    project.call("run", "hello")
    engine = project.repo.path / ".git/reconciler/engine"
    engine.rename(tmp_path / "engine")
    engine.write_text("")
    told = project.call("status")
    assert told.code == 0
    assert f"local: {engine}: Not a directory" in told.out
    assert "target local cannot be reached; what is shown of its runs may be old" in told.err
    (run,) = project.call("runs", "list", "--format", "json").json
    waited = project.call("wait", run["uid"])
    assert (waited.code, "Not a directory" in waited.err) == (1, True)

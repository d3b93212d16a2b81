"""Jobs started by jobs: from any folder, without configuration, linked, bounded; real processes."""

import json

import pytest
from support.engine import die, until

from reconciler.engine.client import Engine
from reconciler.model.event import MAX_CHAIN
from reconciler.model.instant import utc_now

CHILD = {
    "parameters": [{"name": "n", "default": "1"}],
    "tasks": [
        {"id": "work", "script": 'echo "n is $n"; echo "double=$((n * 2))" > $RECONCILER_OUTPUT; exit $((n % 2))'}
    ],
}


def apply(project, script, *, max_runs=1, settings="", **fields):
    project.repo.write("reconciler.toml", f"[engine]\nmaxRuns = {max_runs}\n{settings}")
    project.commit_job("child", **CHILD)
    project.commit_job("parent", tasks=[{"id": "only", "script": f"cd /\n{script}"}], **fields)
    assert project.call("apply").code == 0


def run_parent(project, *options):
    """Run the parent and return its document and what it wrote."""
    document = project.call("run", "parent", "--wait=60", "--format", "json", *options).json[0]
    return document, project.call("runs", "logs", document["uid"]).out


def children(project, uid):
    runs = project.call("runs", "list", "--format", "json").json
    return [run for run in runs if run["parentUid"] == uid]


def test_a_child_is_waited_for_with_one_slot_and_its_results_come_back(project):
    apply(project, "reconciler run child --var n=4 --wait --format json")
    parent, out = run_parent(project)
    (child,) = json.loads(out)
    assert (parent["status"], child["status"], child["parentUid"]) == ("completed", "completed", parent["uid"])
    assert child["tasks"] == [{"id": "work", "status": "completed", "exitCode": 0, "outputs": {"double": "8"}}]
    assert child["requestedBy"] == f"run {parent['uid']}"
    report = project.call("runs", "show", parent["uid"], "--format", "json").json
    assert report["tasks"][0]["children"] == [child["uid"]]
    assert f"Started run {child['uid']} of child: completed" in project.call("runs", "show", parent["uid"]).out
    assert f"Started by run {parent['uid']} of parent: completed" in project.call("runs", "show", child["uid"]).out


def test_how_the_child_went_is_the_exit_code_and_told_in_words(project):
    apply(project, "reconciler run child --var n=5 --wait; echo code $?")
    parent, out = run_parent(project)
    assert parent["status"] == "completed"
    assert out.startswith("Job Failed\n\nJob UID:")
    assert "Exit Code:    1 (General error)" in out
    assert "n is 5" in out
    assert "Results:\n  double: 10\n" in out
    assert out.endswith("code 6\n")


def test_a_child_need_not_be_waited_for_and_may_be_later(project):
    script = """
    first=$(reconciler run child --var n=2 --format json | grep -m 1 '"uid"' | cut -d '"' -f 4)
    reconciler run child --var n=6 --format json > /dev/null
    reconciler wait $first --format json
    """
    apply(project, script, max_runs=4)
    project.commit_job("child", **CHILD, overlap="allow")
    project.call("apply")
    parent, out = run_parent(project)
    assert json.loads(out)[0]["tasks"][0]["outputs"] == {"double": "4"}
    assert len(children(project, parent["uid"])) == 2


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("run nobody --wait", 64, "unknown job `nobody`"),
        ("run child --var m=1 --wait", 64, "unknown parameter `m`"),
        ("run child --target far", 64, "no job is applied on far yet"),
        ("run parent", 1, "job parent is among the jobs that led to this run"),
        ("wait ffff", 64, "unknown run `ffff`"),
        ("wait $RECONCILER_RUN_UID", 1, "cannot end before this one"),
        ("run", 64, "name a job"),
    ],
)
def test_what_cannot_be_is_refused_in_clear_words(project, command, code, words):
    apply(project, f"reconciler {command} 2>&1; echo code $?")
    _, out = run_parent(project)
    assert words in out
    assert out.endswith(f"code {code}\n")


def test_depth_is_bounded(project):
    for number in range(4):
        deeper = f"reconciler run step{number + 1} --wait 2>&1"
        project.commit_job(f"step{number}", tasks=[{"id": "only", "script": deeper}])
    apply(project, "reconciler run step0 --wait; echo code $?", settings="maxDepth = 3\n")
    parent, out = run_parent(project)
    assert (parent["status"], out.endswith("code 6\n")) == ("completed", True)
    assert "3 runs led to this one already" in out
    jobs = {run["jobId"]: run["status"] for run in project.call("runs", "list", "--format", "json").json}
    assert jobs == {"parent": "completed", "step0": "failed", "step1": "failed", "step2": "failed"}


def test_many_parents_at_once_end_with_one_slot(project):
    apply(project, "reconciler run child --var n=$n --wait > /dev/null", overlap="allow", parameters=[{"name": "n"}])
    project.commit_job("child", **CHILD, overlap="allow")
    project.call("apply")
    uids = [project.call("run", "parent", "--var", "n=2", "--format", "json").json[0]["uid"] for _ in range(3)]
    assert project.call("wait", *uids, "--timeout", "60").code == 0
    assert len(project.call("runs", "list", "--format", "json").json) == 6


def test_a_child_shares_the_concurrency_key_of_who_waits_for_it(project):
    apply(project, "reconciler run child --var n=2 --wait", concurrency={"key": "k", "max": 1})
    project.commit_job("child", **CHILD, concurrency={"key": "k", "max": 1})
    project.call("apply")
    assert run_parent(project)[0]["status"] == "completed"


def test_a_secret_of_the_parent_is_not_handed_on(project, monkeypatch):
    monkeypatch.setenv("VAULT", "correct-horse-battery")
    secrets = project.repo.path.parent / "secrets.toml"
    secrets.write_text('[VAULT]\nenv = "VAULT"\n')
    secrets.chmod(0o600)
    project.repo.write("reconciler.toml", "")
    project.commit_job("child", **CHILD)
    task = {"id": "only", "script": 'reconciler run child --var "n=$PW" 2>&1', "env": {"PW": {"secret": "VAULT"}}}
    project.commit_job("parent", tasks=[task])
    project.call("apply")
    parent, out = run_parent(project, "--secrets", str(secrets))
    assert "the value of n holds a secret of this run" in out
    assert (parent["status"], children(project, parent["uid"])) == ("failed", [])


def test_the_run_of_a_pass_starts_others_within_it(project):
    apply(project, "reconciler run child --var n=2 --wait")
    project.commit_run("now", "parent")
    passed = project.call("reconcile", "--format", "json", "--fail-on-runs")
    assert passed.code == 0
    assert {run["jobId"]: run["status"] for run in passed.json["runs"]} == {"parent": "completed", "child": "completed"}


def test_daemon_and_supervisor_may_die_and_a_child_is_neither_lost_nor_started_twice(project, tmp_path):
    evidence, gate = tmp_path / "evidence", tmp_path / "gate"
    apply(project, f"echo parent >> {evidence}; reconciler run child --wait > /dev/null; echo code $?")
    text = f"echo child >> {evidence}; until test -e {gate}; do sleep 0.01; done"
    project.commit_job("child", tasks=[{"id": "work", "script": text}])
    project.call("apply")
    folder = project.repo.path / ".git/reconciler/engine"
    uid = project.call("run", "parent", "--format", "json").json[0]["uid"]  # and leaves: nobody drives
    until(lambda: b'"kind":"request"' in (folder / "journal").read_bytes(), what="the request")
    kill_supervisor(folder)
    assert project.call("reconcile", "--wait-seconds", "0").code == 0
    until(lambda: "child" in evidence.read_text(), what="the child")
    kill_supervisor(folder)
    gate.touch()
    assert project.call("wait", uid, "--timeout", "60").code == 0
    assert project.call("runs", "logs", uid).out == "code 0\n"
    assert evidence.read_text() == "parent\nchild\n"


def kill_supervisor(folder):
    """Kill the supervisor alone; its guardian raises the next."""
    engine = Engine(folder, clock=utc_now)
    die(engine)
    engine.close()


def told(project, script, **waiter):
    """Let a job tell of something, as ``script`` does it, and ``waiter`` wait for it; return what the job wrote."""
    tasks = [{"id": "hear", "script": 'printf "%s" "$RECONCILER_EVENT"'}]
    project.commit_job("waiter", events=["disk-full"], tasks=tasks, **waiter)
    apply(project, script)
    return run_parent(project)


def test_a_job_tells_of_an_event_from_any_folder(project):
    """Its source is the run, so that nobody can pass for another; what it starts is linked to it."""
    parent, out = told(project, "reconciler event disk-full --data mount=/var --id e1 2>&1")
    assert out == "event disk-full recorded: e1\n"
    project.call("reconcile")
    (child,) = children(project, parent["uid"])
    assert (child["jobId"], child["trigger"]["key"]) == ("waiter", f"event:e1@run:{parent['uid']}")
    event = json.loads(project.call("runs", "logs", child["uid"]).out)
    assert (event["source"], event["data"]) == (f"run:{parent['uid']}", {"mount": "/var"})


@pytest.fixture
def a_secret(project, tmp_path, monkeypatch):
    monkeypatch.setenv("RECONCILER_SECRETS", str(tmp_path / "secrets.toml"))
    monkeypatch.setenv("THE_TOKEN", "correct-horse-battery")
    (tmp_path / "secrets.toml").write_text('[TOKEN]\nenv = "THE_TOKEN"\njobs = ["*"]\ntargets = ["*"]\n')


@pytest.mark.usefixtures("a_secret")
@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("event go --source monitor", 64, "within a job an event has the run for its source"),
        ("event go --wait", 64, "Leave --source and --wait out"),
        ("event ''", 64, "its name is empty"),
        ("event go --data x=$(head -c 70000 /dev/zero | tr '\\0' x)", 64, "65,536 are allowed"),
        ("event go --data token=$TOKEN", 1, "the event holds a secret of this run"),
    ],
)
def test_an_event_that_cannot_be_is_refused_in_clear_words(project, command, code, words):
    script = f"reconciler {command} 2>&1; echo code $?"
    tasks = [{"id": "only", "env": {"TOKEN": {"secret": "TOKEN"}}, "script": script}]
    project.commit_job("parent", tasks=tasks)
    assert project.call("apply").code == 0
    _, out = run_parent(project)
    assert words in out
    assert out.endswith(f"code {code}\n")


def test_a_job_that_its_own_event_starts_comes_to_an_end(project):
    project.commit_job(
        "echo", events=["again"], overlap="allow", tasks=[{"id": "a", "script": "reconciler event again"}]
    )
    apply(project, "reconciler event again")
    run_parent(project)
    project.call("reconcile")
    runs = project.call("runs", "list", "--job", "echo", "--format", "json").json
    assert (len(runs), {run["status"] for run in runs}) == (MAX_CHAIN, {"completed"})
    assert project.call("events", "list", "--format", "json").json[0]["outcome"] == {"too_deep": 1}


def test_many_events_of_a_job_are_one_run_that_counts_them(project):
    _, out = told(project, "for n in 1 2 3 4 5; do reconciler event disk-full; done 2>&1")
    assert out.count("recorded") == 5
    project.call("reconcile")
    events = project.call("events", "list", "--format", "json").json
    assert len(project.call("runs", "list", "--job", "waiter", "--format", "json").json) == 1
    assert sorted(word for event in events for word in event["outcome"]) == ["coalesced"] * 4 + ["started"]

"""Taking over what a target holds: files, ownership, and a plan that has nothing left to do."""

import json

import pytest
from msgspec.structs import replace
from support.values import make_job

from reconciler.loop.desired import read_files
from reconciler.loop.importing import carry_out, prepare_import
from reconciler.loop.reconcile import apply_commit, plan_commit
from reconciler.model.change import Action
from reconciler.model.inventory import NOT_COMMITTED
from reconciler.model.job import Schedule, Task
from reconciler.targets.fake import FakeTarget

JOB = make_job(
    "scan",
    targets=("agents",),
    owner="line one",
    schedule=Schedule(cron_expression="0 2 * * *"),
    tasks=(Task(id="only", script="#!/bin/sh\necho 'yes: no' # \u00e9\n"),),
)


@pytest.fixture
def target(stage):
    made = FakeTarget("agents", clock=stage.clock, holds=True)
    stage.world = replace(stage.world, targets=stage.world.targets | {"agents": made})
    settings = {"channel": "directory", "path": "/srv/Jobs"}
    # In the files it is one of Keeper's, so that they are valid; what it holds, and takes, is anything.
    definition = {"id": "agents", "provider": "keeper", "settings": settings}
    stage.repo.write("definitions/targets/agents.json", json.dumps(definition))
    stage.commit_job("other")
    return made


@pytest.fixture(autouse=True)
def no_rules(monkeypatch):
    from reconciler.targets import registry
    from reconciler.targets.keeper.rules import KEEPER_RULES

    free = replace(KEEPER_RULES, check=lambda job, target: ())
    monkeypatch.setattr(registry, "_PROVIDERS", registry._PROVIDERS | {"keeper": (free, None)})


def saved(stage):
    return read_files(stage.repo.path, now=stage.clock())


def prepare(stage, *, folder="definitions/jobs", renames=False):
    return prepare_import(stage.world, saved(stage), "agents", folder=folder, renames=renames)


def run_import(stage, **options):
    importing = prepare(stage, **options)
    return importing, carry_out(stage.world, importing, lambda: saved(stage))


def plan(stage, source=None):
    return [f"{item.action} {item.id}" for item in plan_commit(stage.world, source or saved(stage)).plan.changes]


def test_a_job_becomes_a_file_and_ours_and_nothing_is_left_to_do(stage, target):
    target.put(JOB)
    importing, failures = run_import(stage)
    assert ([item.declared.path for item in importing.items], failures) == (["definitions/jobs/scan.yaml"], {})
    assert saved(stage).loaded.desired.jobs["scan"].form == JOB
    assert plan(stage) == ["create other"]
    assert [change.action for change in target.writes] == [Action.ADOPT]
    assert "    script: |\n      #!/bin/sh\n      echo 'yes: no' # \u00e9\n" in importing.items[0].data.decode()


def test_preparing_writes_nothing_anywhere(stage, target):
    target.put(JOB)
    prepare(stage)
    assert not (stage.repo.path / "definitions/jobs/scan.yaml").exists()
    assert (target.writes, stage.rig.store.inventory("agents")) == ([], [])


def test_until_it_is_committed_nothing_removes_it_and_then_it_stands_at_the_commit(stage, target):
    target.put(JOB)
    committed = stage.repository.resolve("HEAD").sha
    run_import(stage)
    assert plan(stage, stage.read(committed)) == ["held scan", "create other"]
    apply_commit(stage.world, stage.read(committed))
    assert [item.origin.commit for item in stage.rig.store.inventory("agents")] == [NOT_COMMITTED]
    commit = stage.repo.commit("Import")
    apply_commit(stage.world, stage.read(commit))
    (item,) = stage.rig.store.inventory("agents")
    assert (item.origin.commit, item.origin.changed_in) == (commit, commit)
    assert plan(stage, stage.read(committed)) == ["retire scan"]


def test_no_file_is_overwritten(stage, target):
    target.put(JOB)
    path = stage.repo.path / "definitions/jobs/scan.yaml"
    path.symlink_to("/nowhere")
    source = prepare_import(stage.world, stage.read(stage.repository.resolve("HEAD").sha), "agents", **DEFAULTS)
    assert source.refused == {"scan": "definitions/jobs/scan.yaml is there already, and is not overwritten"}


DEFAULTS = {"folder": "definitions/jobs", "renames": False}


def test_a_file_that_appears_meanwhile_is_not_overwritten(stage, target):
    target.put(JOB)
    importing = prepare(stage)
    (stage.repo.path / "definitions/jobs/scan.yaml").write_text("id: scan\nevents: [a]\ntasks: [{id: t, command: x}]\n")
    failures = carry_out(stage.world, importing, lambda: saved(stage))
    assert "is not overwritten" in failures["scan"]
    assert stage.rig.store.inventory("agents") == []


def test_a_job_that_the_target_keeps_for_itself_leaves_no_file_behind(stage, target):
    target.put(JOB)
    target.put(replace(JOB, id="second"))
    target.refuses.add("scan")
    _, failures = run_import(stage)
    assert failures == {"scan": "agents: scan is refused"}
    assert not (stage.repo.path / "definitions/jobs/scan.yaml").exists()
    assert [item.id for item in stage.rig.store.inventory("agents")] == ["second"]


def test_an_id_that_cannot_be_declared_is_mapped_when_that_is_asked_for(stage, target):
    target.put(replace(JOB, id="my job!"))
    assert prepare(stage).refused == {
        "my job!": "its id cannot be declared here; --rename gives it the id my-job, at the target too"
    }
    importing, failures = run_import(stage, renames=True)
    assert (importing.items[0].notes, failures) == (("its id was my job!; it is renamed at the target",), {})
    assert [id_ for _, id_ in target.read().objects] == ["my-job"]
    assert plan(stage) == ["create other"]


def test_a_mapped_id_differs_from_every_other(stage, target):
    for job_id in ("other!", "a_b", "a-b", "A B"):
        target.put(replace(JOB, id=job_id))
    target.put(replace(JOB, id="x" * 70))
    ids = {item.live.id: item.declared.form.id for item in prepare(stage, renames=True).items}
    assert ids == {"A B": "A-B-2", "a-b": "a-b", "a_b": "a_b", "other!": "other-2", "x" * 70: "x" * 64}


def test_what_is_declared_already_or_for_other_targets_is_left(stage, target):
    target.put(JOB)
    target.put(replace(JOB, id="other"))
    stage.commit_job("scan", targets=["agents"])
    assert prepare(stage).left == {
        "other": "definitions/jobs/other.json declares a job of that id for other targets; add agents to its targets",
        "scan": "it is declared already; the next apply adopts it",
    }


def test_what_was_made_from_here_and_is_no_longer_declared_is_left(stage, target):
    target.put(JOB)
    run_import(stage)
    (stage.repo.path / "definitions/jobs/scan.yaml").unlink()
    assert "no longer declared" in prepare(stage).left["scan"]


def test_a_job_that_a_definition_cannot_say_is_named_with_its_problem(stage, target):
    target.put(replace(JOB, id="bad", schedule=Schedule(cron_expression="0 25 * * *")))
    target.put(replace(JOB, id="refers", condition="true", alternate_job_id="bad"))
    importing = prepare(stage)
    assert importing.items == ()
    assert importing.refused == {
        "bad": "CRON004 schedule.cronExpression: hour 25 is outside 0-23",
        "refers": "REF001 alternateJobId: alternateJobId `bad` is not defined",
    }


def test_an_import_that_was_killed_is_finished_by_the_next_apply(stage, target, monkeypatch):
    target.put(JOB)
    importing = prepare(stage)

    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stage.rig.store, "record_applied", die)
        with pytest.raises(KeyboardInterrupt):
            carry_out(stage.world, importing, lambda: saved(stage))
    assert plan(stage) == ["adopt scan", "create other"]
    assert prepare(stage).left == {"scan": "it is declared already; the next apply adopts it"}

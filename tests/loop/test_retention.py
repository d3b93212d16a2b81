"""Old runs go, by count and by age, their job's word before the repository's; unpublished ones never."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from support.world import Stage

from reconciler.loop.retention import prune_runs
from reconciler.model.forms import Kind
from reconciler.model.run import RunStatus
from reconciler.model.settings import RetentionSettings, Settings
from reconciler.reports.publish import publish_reports
from reconciler.runs.drive import drive_until_ended
from reconciler.store.open import open_store

DAY = timedelta(days=1)


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.close()


def run_daily(stage, job_id, days, *, published=True):
    """Run the job once a day, the last time now; return the uids, newest first."""
    uids = []
    for day in range(days):
        stage.clock.now += DAY if day else timedelta(0)
        (run,) = stage.rig.request(stage.rig.store.applied_job("local", job_id).form)
        drive_until_ended(stage.rig.driver)
        uids.append(run.uid)
    if published:
        publish_reports(stage.rig.store, stage.repository, settings=Settings().reports, now=stage.clock())
    return uids[::-1]


def prune(stage, **general) -> int:
    settings = Settings(retention=RetentionSettings(**general))
    return prune_runs(replace(stage.world, settings=settings), now=stage.clock())


def kept(stage):
    return [run.uid for run in stage.runs()]


def test_all_runs_are_kept_where_nobody_says_otherwise(stage):
    stage.commit_job()
    stage.reconcile()
    uids = run_daily(stage, "a", 3)
    assert (prune(stage), kept(stage)) == (0, uids)


@pytest.mark.parametrize(
    ("own", "general", "expected"),
    [
        pytest.param({}, {"max_runs": 2}, 2, id="count"),
        pytest.param({}, {"max_days": 3}, 4, id="age"),
        pytest.param({"maxRuns": 3}, {"max_runs": 1}, 3, id="the-job-knows-better"),
        pytest.param({"maxRuns": 4}, {"max_days": 1}, 2, id="both-hold"),
        pytest.param({"maxDays": 2}, {}, 3, id="only-the-job"),
        pytest.param({"maxRuns": 99}, {"max_days": 99}, 6, id="young-and-few"),
    ],
)
def test_the_newest_are_kept(stage, own, general, expected):
    stage.commit_job(retention=own)
    stage.reconcile()
    uids = run_daily(stage, "a", 6)
    assert prune(stage, **general) == 6 - expected
    assert kept(stage) == uids[:expected]


def test_what_belongs_to_a_run_goes_with_it(stage):
    stage.commit_job()
    stage.reconcile()
    newest, old = run_daily(stage, "a", 2)
    prune(stage, max_runs=1)
    store = stage.rig.store
    assert (store.run(old), store.report(old), store.tasks(old), store.output(old)) == (None, None, (), [])
    assert store.report(newest) is not None
    assert len(store.occurrences(limit=9)) == 1


def test_a_run_that_is_not_published_is_kept_and_so_is_one_under_way(stage):
    stage.commit_job()
    stage.reconcile()
    uids = run_daily(stage, "a", 3, published=False)
    assert (prune(stage, max_runs=1), kept(stage)) == (0, uids)
    stage.rig.target.ends = None
    under_way = stage.rig.request(stage.rig.store.applied_job("local", "a").form)[0].uid
    publish_reports(stage.rig.store, stage.repository, settings=Settings().reports, now=stage.clock())
    assert (prune(stage, max_runs=1), kept(stage)) == (2, [under_way, uids[0]])
    assert stage.rig.store.run(under_way).status is RunStatus.CREATED


def test_runs_of_a_job_that_is_gone_follow_the_repository(stage):
    stage.commit_job("a")
    stage.commit_job("b")
    stage.reconcile()
    run_daily(stage, "a", 3)
    (stage.repo.path / "definitions/jobs/a.json").unlink()
    stage.repo.commit("Remove a")
    stage.reconcile()
    assert prune(stage, max_runs=1) == 2


def test_a_one_off_whose_run_is_gone_does_not_start_again(stage):
    stage.commit_job(retention={"maxRuns": 1})
    stage.commit_run("once")
    stage.reconcile()
    run_daily(stage, "a", 1)
    assert prune(stage) == 1
    assert [run.trigger.kind.value for run in stage.runs()] == ["manual"]
    stage.reconcile()
    assert len(stage.runs()) == 1
    assert len(stage.rig.store.receipts()) == 1


def test_many_are_dropped_in_pieces(stage, monkeypatch):
    monkeypatch.setattr("reconciler.store.retention.AT_ONCE", 2)
    stage.commit_job()
    stage.reconcile()
    run_daily(stage, "a", 6)
    assert prune(stage, max_runs=1) == 5


def test_a_pass_and_a_serving_process_prune(stage):
    stage.commit_job(retention={"maxRuns": 1})
    stage.reconcile()
    run_daily(stage, "a", 3)
    stage.reconcile()
    assert len(kept(stage)) == 1
    run_daily(stage, "a", 2)
    loop = stage.serve()
    stage.turn_until(loop, stage.clock() + timedelta(minutes=61))
    assert len(kept(stage)) == 1
    assert "2 old runs are kept no longer" in stage.told


def test_forms_that_nothing_names_any_more_go_with_their_runs(stage):
    stage.commit_job()
    stage.reconcile()
    old = stage.rig.store.applied_job("local", "a").origin.digest
    run_daily(stage, "a", 1)
    stage.commit_job(priority=9)
    stage.reconcile()
    run_daily(stage, "a", 1)
    new = stage.rig.store.applied_job("local", "a").origin.digest
    prune(stage, max_runs=1)
    assert len(kept(stage)) == 1
    # Another process, since this one has the forms at hand.
    reopened = open_store(stage.rig.store.path, new_uid=stage.rig.new_uid, now=stage.clock())
    assert reopened.form(Kind.JOB, old) is None
    assert reopened.form(Kind.JOB, new) is not None
    reopened.close()


def test_instants_that_did_not_run_are_forgotten_when_they_are_old(stage):
    stage.commit_job(schedule={"intervalMinutes": 60, "misfire": {"policy": "skip"}})
    stage.reconcile()
    stage.clock.now += DAY
    stage.reconcile()
    assert prune(stage, max_days=2) == 0
    assert stage.rig.store.occurrences(limit=10)
    stage.clock.now += 3 * DAY
    prune(stage, max_days=2)
    assert stage.rig.store.occurrences(limit=10) == []

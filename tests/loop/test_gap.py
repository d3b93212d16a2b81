"""A state that was put back: what was done since is known from the reports, and nothing of it is done again."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from support.values import make_job
from support.world import make_world

from reconciler.loop.gap import close_gap
from reconciler.model.run import RunStatus
from reconciler.model.settings import ReportSettings
from reconciler.reports.build import build_report, encode_report
from reconciler.store.backups import back_up, carry_over, prepared_backup, put_in_place
from reconciler.store.open import open_store

HOUR = timedelta(hours=1)
EVERY_HOUR = {"schedule": {"cronExpression": "0 * * * *"}}
HOST = "here"


def report_of(run, tasks, job):
    return encode_report(build_report(run, tasks, parameters={}, host=HOST, tzdata="2026a"))


class Past:
    """A stage whose state is put back: ``keep`` makes a backup, ``restore`` goes on with it as the command does."""

    def __init__(self, stage, folder):
        self.stage = stage
        self.backup = folder / "backup.db"
        self.jobs_are_gone = False
        self._open(replace(stage.rig.driver, report_of=report_of))

    def _open(self, driver):
        self.stage.rig.driver = driver
        self.stage.world = make_world(self.stage.repository, self.stage.rig, tell=self.stage.told.append)

    def _jobs_at(self, commit):
        jobs = self.stage.read(commit).loaded.desired.jobs.values()
        return [] if self.jobs_are_gone else [item.form for item in jobs]

    def keep(self):
        self.backup.unlink(missing_ok=True)
        back_up(self.stage.rig.store.path, self.backup)

    def restore(self, *, knows_the_state_before=True):
        rig = self.stage.rig
        path = rig.store.path
        with prepared_backup(self.backup, path) as new:
            is_known = knows_the_state_before and carry_over(path, new)
            rig.store.close()
            put_in_place(new, path, stamp="earlier")
        rig.store = open_store(path, new_uid=rig.new_uid, now=rig.clock())
        self._open(replace(rig.driver, store=rig.store))
        return self.close_gap(doubts_one_offs=not is_known)

    def close_gap(self, *, doubts_one_offs):
        rig = self.stage.rig
        return close_gap(
            rig.store,
            self.stage.repository,
            settings=ReportSettings(),
            host=HOST,
            since_last_run=True,
            doubts_one_offs=doubts_one_offs,
            jobs_at=self._jobs_at,
            now=rig.clock(),
            new_uid=rig.new_uid,
        )


def turn(stage):
    stage.serve().turn()


@pytest.fixture
def past(stage, tmp_path):
    return Past(stage, tmp_path)


def test_s12_no_instant_since_the_backup_starts_again(stage, past):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    past.keep()
    for _ in range(3):
        stage.clock.now += HOUR
        stage.reconcile()
    before = stage.started()
    gap = past.restore()
    assert (gap.runs, gap.instants) == (3, 0)
    assert stage.started() == before
    stage.reconcile()
    assert stage.started() == before
    stage.clock.now += HOUR
    stage.reconcile()
    assert stage.started() == [*before, "01 04:00 a schedule"]


def test_instants_that_nobody_reports_of_are_skipped_and_said(stage, past):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    past.keep()
    stage.clock.now += 5 * HOUR
    gap = past.restore()
    assert gap.instants == 5
    stage.reconcile()
    assert stage.started() == []
    assert stage.ledger() == ["01 01:00 skipped restored x5"]


def test_s12_a_one_off_that_ran_since_the_backup_is_not_started_again(stage, past):
    stage.commit_job()
    stage.reconcile()
    past.keep()
    stage.commit_run("once")
    stage.reconcile()
    past.restore(knows_the_state_before=False)
    stage.reconcile()
    assert stage.started() == ["01 00:00 a oneoff"]


def test_a_one_off_of_which_nobody_knows_is_not_started_and_that_is_said(stage, past):
    stage.commit_job()
    stage.reconcile()
    past.keep()
    stage.commit_run("once")
    past.restore(knows_the_state_before=False)
    stage.reconcile()
    assert stage.started() == []
    assert stage.ledger() == ["01 00:00 missed restored x1"]
    assert any("one-off once may have been started before" in words for words in stage.told)
    stage.told.clear()
    stage.reconcile()
    assert stage.told == []


def test_a_one_off_starts_where_the_state_before_says_that_it_had_not(stage, past):
    stage.commit_job()
    stage.reconcile()
    past.keep()
    stage.commit_run("once")
    past.restore()
    stage.reconcile()
    assert len(stage.started()) == 1


def test_a_one_off_that_comes_after_the_restore_starts(stage, past):
    stage.commit_job()
    stage.reconcile()
    past.keep()
    past.restore(knows_the_state_before=False)
    stage.clock.now += HOUR
    stage.commit_run("once", at=stage.clock.now)
    stage.reconcile()
    assert len(stage.started()) == 1


def test_a_run_that_the_backup_takes_for_under_way_ends_as_its_report_says(slow_stage, tmp_path):
    past = Past(slow_stage, tmp_path)
    slow_stage.commit_job(**EVERY_HOUR)
    turn(slow_stage)
    slow_stage.clock.now += HOUR
    turn(slow_stage)
    (run,) = slow_stage.runs()
    assert run.status is RunStatus.RUNNING
    past.keep()
    slow_stage.rig.target.finish(run.uid, RunStatus.FAILED)
    turn(slow_stage)
    report = slow_stage.rig.store.report(run.uid)
    assert past.restore().runs == 1
    (known,) = slow_stage.runs()
    assert (known.uid, known.status) == (run.uid, RunStatus.FAILED)
    assert slow_stage.rig.store.report(run.uid) == report
    assert slow_stage.rig.store.unpublished_reports(9) == []


def test_a_run_that_may_have_begun_without_the_backup_knowing_is_not_started(slow_stage, tmp_path):
    past = Past(slow_stage, tmp_path)
    slow_stage.commit_job(overlap="allow", **EVERY_HOUR)
    turn(slow_stage)
    slow_stage.rig.request(make_job("a"))
    past.keep()
    assert past.restore().lost == 1
    turn(slow_stage)
    (run,) = slow_stage.runs()
    assert (run.status, run.reason, run.started_at) == (RunStatus.LOST, "restored", None)


def test_the_form_of_a_run_that_the_backup_does_not_know_is_read_from_its_commit(stage, past):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    past.keep()
    stage.commit_job(description="changed", **EVERY_HOUR)
    stage.reconcile()
    stage.clock.now += HOUR
    stage.reconcile()
    stage.commit_job(description="changed again", **EVERY_HOUR)
    assert past.restore().runs == 1
    (run,) = stage.runs()
    assert stage.rig.driver.form_of(run).description == "changed"


def test_a_one_off_whose_form_is_nowhere_any_more_is_still_known_as_started(stage, past):
    stage.commit_job()
    stage.reconcile()
    past.keep()
    stage.commit_job(description="changed")
    stage.commit_run("once")
    stage.reconcile()
    past.jobs_are_gone = True
    assert past.restore(knows_the_state_before=False).runs == 0
    stage.reconcile()
    assert stage.started() == []


def test_to_close_a_gap_twice_changes_nothing(stage, past):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    past.keep()
    stage.clock.now += HOUR
    stage.reconcile()
    stage.clock.now += HOUR
    past.restore()
    before = (stage.started(), stage.ledger())
    assert past.close_gap(doubts_one_offs=False).instants == 0
    assert (stage.started(), stage.ledger()) == before


def test_reports_of_other_hosts_are_not_ours(stage, past):
    stage.commit_job(**EVERY_HOUR)
    stage.reconcile()
    past.keep()
    stage.rig.driver = replace(stage.rig.driver, report_of=lambda *of: report_of(*of).replace(b'"here"', b'"there"'))
    stage.world = make_world(stage.repository, stage.rig)
    stage.clock.now += HOUR
    stage.reconcile()
    assert past.restore().runs == 0

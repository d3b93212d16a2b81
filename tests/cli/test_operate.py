"""What an operator does beside Git: pause, resume, backfill, and look at what did not run."""

import getpass
import json

import pytest


@pytest.fixture
def scheduled(project):
    project.commit_job(schedule={"cronExpression": "0 * * * *"})
    project.commit_job("other")
    project.call("apply")
    return project


def test_a_paused_job_is_shown_and_refused_by_hand_until_it_is_resumed(scheduled):
    assert scheduled.call("pause", "hello", "--reason", "disk swap").code == 0
    assert "disk swap" in scheduled.call("status").out
    assert scheduled.call("status", "--format", "json").json["paused"][0]["jobId"] == "hello"
    assert ", paused" in scheduled.call("status").out.partition("Next fire times:")[2]
    refused = scheduled.call("run", "hello")
    assert refused.code == 1
    assert "is paused" in refused.err
    assert "disk swap" in refused.err
    assert scheduled.call("run", "hello", "--force", "--wait").code == 0
    assert scheduled.call("resume", "hello").code == 0
    assert scheduled.call("run", "hello", "--wait").code == 0
    assert "Paused:" not in scheduled.call("status").out


def test_a_pause_outlives_a_reconcile_and_holds_one_offs(scheduled):
    scheduled.call("pause", "other", "--reason", "wait for it")
    scheduled.commit_run("once", "other")
    answer = scheduled.call("reconcile")
    assert "Waits: once: job other is paused: wait for it." in answer.out
    scheduled.call("resume", "other")
    assert "completed" in scheduled.call("reconcile").out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["pause", "hello"], "--reason"),
        (["pause", "helo", "--reason", "x"], "Did you mean hello?"),
        (["pause", "hello", "--reason", "x", "--until", "2020-01-01"], "in the past"),
        (["pause", "hello", "--reason", "x", "--until", "soon"], "--until"),
        (["resume", "hello"], "is not paused"),
        (["backfill", "other", "--from", "2026-01-01", "--to", "2026-01-02"], "has no schedule"),
        (["backfill", "hello", "--from", "2026-01-02", "--to", "2026-01-01"], "empty or not past"),
        (["backfill", "hello", "--from", "2026-01-01", "--to", "2099-01-01"], "empty or not past"),
        (["backfill", "hello", "--from", "1990-01-01", "--to", "2026-01-01"], "more than 10000 instants"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_way_out(scheduled, arguments, word):
    answer = scheduled.call(*arguments)
    assert answer.code == 64
    assert word in answer.err
    assert scheduled.call("runs", "list", "--format", "json").json == []


def test_a_backfill_starts_each_instant_once_and_names_it(scheduled):
    span = ["--from", "2026-01-01", "--to", "2026-01-01T03:00:00Z"]
    dry = scheduled.call("backfill", "hello", *span, "--dry-run", "--format", "json").json
    assert [item["scheduledFor"][11:16] for item in dry] == ["00:00", "01:00", "02:00"]
    assert scheduled.call("runs", "list", "--format", "json").json == []
    first = scheduled.call("backfill", "hello", *span, "--format", "json")
    assert first.code == 0
    assert sorted(run["scheduledFor"][11:16] for run in first.json) == ["00:00", "01:00", "02:00"]
    again = scheduled.call("backfill", "hello", *span, "--format", "json")
    assert again.json == []
    assert len(scheduled.call("runs", "list", "--format", "json").json) == 3
    assert "ran already" in scheduled.call("backfill", "hello", *span, "--dry-run").out


def test_runs_list_missed_says_that_everything_ran(scheduled):
    assert "Everything ran." in scheduled.call("runs", "list", "--missed").err
    assert scheduled.call("runs", "list", "--missed", "--format", "json").json == []


def test_what_did_not_run_shows_in_the_report_of_its_commit_and_in_the_metrics(project):
    project.commit_job(schedule={"runAt": "2020-01-01T00:00:00Z"})
    project.call("apply")
    project.call("run", "hello", "--wait")
    told = project.call("report").out
    assert "Did not run:" in told
    assert "missed" in told
    metrics = project.call("status", "--format", "prometheus").out
    assert 'reconciler_instants_total{disposition="missed"} 1' in metrics
    assert 'reconciler_instants_total{disposition="run"} 1' in metrics
    assert "reconciler_runs_active 0" in metrics


def test_a_run_by_hand_knows_the_settings_of_its_target(project):
    account = getpass.getuser()
    settings = {"id": "local", "provider": "local", "settings": {"accounts": [account]}}
    project.repo.write("definitions/targets/local.yaml", json.dumps(settings))
    project.commit_job(runAs=account)
    project.call("apply")
    assert project.call("run", "hello", "--wait").code == 0

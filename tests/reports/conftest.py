from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.run import (
    Device,
    Origin,
    Run,
    RunStatus,
    StreamSummary,
    TaskResult,
    Trigger,
    TriggerKind,
)

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


@pytest.fixture
def make_run():
    def make(uid="0198a1c2-7c5e-7a10-8f3b-2f6d3c9e1a55", **fields):
        given = {
            "uid": uid,
            "occurrence_id": "o1",
            "root_id": "clean",
            "job_id": "clean",
            "target": "local",
            "device": Device(uid="web-1", hostname="web-1"),
            "trigger": Trigger(TriggerKind.SCHEDULE, "schedule:2026-03-01T02:00:00.000Z"),
            "scheduled_for": START,
            "due_at": START,
            "created_at": START,
            "queued_at": START,
            "started_at": START,
            "ended_at": START + timedelta(milliseconds=2400),
            "status": RunStatus.COMPLETED,
            "origin": Origin(
                commit="9" * 40, path="definitions/jobs/clean.yaml", blob="b" * 40, digest="d" * 64, repository="jobs"
            ),
        }
        return Run(**(given | fields))

    return make


@pytest.fixture
def make_task():
    def make(task_id="clean", **fields):
        given = {
            "id": task_id,
            "status": RunStatus.COMPLETED,
            "exit_code": 0,
            "started_at": START,
            "ended_at": START + timedelta(seconds=2),
            "stdout": StreamSummary(13, "a" * 64, "freed 120 MB\n"),
        }
        return TaskResult(**(given | fields))

    return make


@pytest.fixture
def make_report(make_run, make_task):
    from reconciler.reports.build import build_report

    def make(*tasks, parameters=None, **fields):
        return build_report(
            make_run(**fields), tasks or [make_task()], parameters=parameters or {}, host="runner", tzdata="2026.1"
        )

    return make

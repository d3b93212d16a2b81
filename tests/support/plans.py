"""Plans as a reviewer meets them: one change, twenty of every kind, two thousand."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace
from support.values import COMMIT, apply_job, declare, make_job

from reconciler.model.change import Plan
from reconciler.model.forms import OneOff
from reconciler.model.inventory import Applied
from reconciler.model.job import (
    Devices,
    EventTrigger,
    ExecutionType,
    HttpRequest,
    Job,
    Misfire,
    MisfirePolicy,
    Overlap,
    Schedule,
    Task,
)
from reconciler.model.secret import SecretRef
from reconciler.planning.judgement import judge_plan
from reconciler.planning.judgement_company import Timetable
from reconciler.planning.judgement_values import Judgement, Key, Known, Matched, place_of
from reconciler.planning.plan import make_plan
from reconciler.schedule.forecast import Scheduled

NOW = datetime(2026, 3, 1, 1, 27, tzinfo=UTC)
Judged = tuple[Plan, dict[Key, Judgement]]

BACKUP = """#!/bin/bash
set -eu
pg_dump --format=custom app > /var/backups/app.dump
find /var/backups -name '*.dump' -mtime +14 -delete
echo "freed"
"""


def judged(before: list[Job], after: list[Job | OneOff], known: Known | None = None, **fields: Any) -> Judged:
    """Return the plan from ``before``, applied, to ``after``, declared, and its facts at NOW."""
    inventory = [_applied(job) for job in before]
    plan = make_plan(declare(*after, **fields), inventory, settled_one_offs=(), commit=COMMIT, tree_digest="t" * 64)
    return plan, judge_plan(plan, now=NOW, known=known or known_of(before, after))


def _applied(job: Job) -> Applied:
    return apply_job(job, target=job.targets[0])


def known_of(before: list[Job], after: list[Job | OneOff]) -> Known:
    """Return what a plan with access to all targets knows: anchors, devices, other jobs."""
    jobs = [form for form in after if isinstance(form, Job)]
    anchors = {(job.targets[0], job.id): datetime(2026, 2, 1, 0, 5, tzinfo=UTC) for job in before}
    timetable: dict[str, list[Scheduled]] = {}
    for job in jobs:
        if job.schedule is not None and job.enabled:
            at = anchors.get((job.targets[0], job.id), NOW)
            timetable.setdefault(job.targets[0], []).append(Scheduled(id=job.id, schedule=job.schedule, anchor_at=at))
    places = {place_of(job.targets[0], job, lambda _id: None) for job in (*before, *jobs)}
    return Known(
        anchors=anchors,
        devices={place: _match(place[1]) for place in places if place[1] is not None},
        job_of={job.id: job for job in jobs}.get,
        root_targets=frozenset({"datto"}),
        company=Timetable(timetable).company,
    )


def _match(devices: Devices) -> Matched:
    names = tuple(f"{(devices.sites or devices.tags or ('all',))[0].lower()}-{number:02}" for number in range(1, 6))
    count = 12 * (len(devices.sites) + len(devices.tags)) or 240
    return Matched(count=count, names=names[:count])


def one_change() -> Judged:
    before = make_job(
        "backup-db",
        schedule=Schedule(interval_minutes=30),
        timeout_seconds=600,
        tasks=(Task(id="dump", script=BACKUP),),
    )
    script = BACKUP.replace("+14", "+7").replace('echo "freed"\n', "")
    after = replace(
        before,
        schedule=Schedule(cron_expression="0 2 * * *", timezone="Europe/Paris", jitter_seconds=120),
        timeout_seconds=None,
        priority=9,
        tasks=(Task(id="dump", script=script, env={"PGPASSWORD": SecretRef("DB_PASSWORD")}),),
    )
    return judged([before], [after])


def twenty_changes() -> Judged:
    """Return a plan with most of what there is to see."""
    daily = Schedule(cron_expression="30 3 * * *", timezone="Europe/Paris")
    acme = Devices(sites=("ACME",))
    plain = {"timeout_seconds": 600}
    before = [
        make_job("archive-logs", schedule=daily, protect=True, **plain),
        make_job("certificates", schedule=Schedule(cron_expression="0 6 * * 1"), condition="device.os == 'linux'"),
        make_job("cleanup-temp", targets=("datto",), devices=acme, schedule=daily, **plain),
        make_job("disk-space", schedule=Schedule(interval_minutes=30), **plain),
        make_job("inventory", schedule=Schedule(interval_minutes=240), **plain),
        make_job("old-report", schedule=Schedule(cron_expression="*/15 * * * *"), **plain),
        make_job("patch-windows", targets=("datto",), devices=acme, schedule=daily, **plain),
        make_job("restart-spooler", targets=("datto",), devices=acme, **plain),
        make_job("sync-clock", schedule=Schedule(cron_expression="0 * * * *"), **plain),
        make_job("vacuum", schedule=daily, description="Once a night", **plain),
        make_job("watch-queue", events=(EventTrigger(event_type="Startup"),), **plain),
    ]
    by_id = {job.id: job for job in before}
    after: list[Job | OneOff] = [
        replace(by_id["archive-logs"], protect=False),
        replace(by_id["certificates"], condition=None),
        replace(by_id["cleanup-temp"], devices=Devices(sites=("ACME", "Initech"), max=50)),
        replace(by_id["disk-space"], schedule=Schedule(interval_minutes=5), overlap=Overlap.ALLOW),
        replace(by_id["inventory"], enabled=False),
        replace(
            by_id["patch-windows"],
            tasks=(Task(id="patch", command="patch", execution_type=ExecutionType.USER_ELEVATED),),
        ),
        replace(by_id["restart-spooler"], description="Restart the print spooler", labels={"team": "print"}),
        replace(
            by_id["sync-clock"],
            schedule=Schedule(cron_expression="28 1 * * *", misfire=Misfire(policy=MisfirePolicy.RUN_ALL)),
        ),
        replace(by_id["vacuum"], description="Once a night, after the backup"),
        replace(by_id["watch-queue"], events=()),
        make_job(
            "ask-status",
            schedule=Schedule(cron_expression="*/10 8-18 * * 1-5", timezone="America/New_York"),
            tasks=(Task(id="get", http=HttpRequest(url="https://status.example.com/api")),),
        ),
        make_job(
            "backup-db",
            schedule=daily,
            tasks=(Task(id="dump", script=BACKUP, env={"PGPASSWORD": SecretRef("DB_PASSWORD")}),),
        ),
        make_job("by-hand", **plain),
        make_job("night-report", schedule=daily, **plain),
        make_job("once-in-june", schedule=Schedule(run_at=datetime(2026, 6, 1, 9, tzinfo=UTC)), **plain),
        make_job("weekly-report", schedule=Schedule(cron_expression="30 2 * * 0", timezone="Europe/Paris"), **plain),
        make_job("unlock", run_as="root", targets=("datto",), devices=Devices(all=True), **plain),
        OneOff(id="unlock-now", job="by-hand", reason="ticket 4711"),
        OneOff(id="unlock-later", job="by-hand", not_before=datetime(2026, 3, 2, tzinfo=UTC)),
    ]
    return judged(before, after)


def two_thousand_changes() -> Judged:
    """Return a change of everything: most of it harmless, some of it not, and that must be found."""
    before, after = [], []
    for number in range(1900):
        job = make_job(
            f"job-{number:04}",
            schedule=Schedule(cron_expression=f"{number % 60} {number % 24} * * *", timezone="Europe/Berlin"),
            timeout_seconds=600,
        )
        before.append(job)
        if number % 100 == 7:
            continue
        fields: dict[str, Any] = {"priority": 7}
        if number % 250 == 3:
            fields["tasks"] = (Task(id="only", command="true", env={"TOKEN": SecretRef("API_TOKEN")}),)
        if number % 400 == 11:
            fields["schedule"] = Schedule(cron_expression="28 1 * * *")
        if number % 90 == 20:
            fields["timeout_seconds"] = None
        after.append(replace(job, **fields))
    after += [make_job(f"new-{number:03}", timeout_seconds=60) for number in range(100)]
    return judged(before, after)

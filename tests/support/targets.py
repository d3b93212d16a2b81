"""Runs asked of any target, without a store."""

from datetime import timedelta

from support.values import MIDNIGHT, apply_job

from reconciler.model.instant import utc_now
from reconciler.model.run import Run, Trigger, TriggerKind
from reconciler.targets.protocol import StartOrder


def order(target, job, uid="0198a1c2-0000-7000-8000-000000000001") -> StartOrder:
    applied = apply_job(job, target=target.name)
    (device, *_) = target.devices(None).devices
    run = Run(
        uid=uid,
        occurrence_id="1",
        root_id=job.id,
        job_id=job.id,
        target=target.name,
        device=device,
        trigger=Trigger(TriggerKind.MANUAL, "manual:1"),
        scheduled_for=MIDNIGHT,
        due_at=MIDNIGHT,
        created_at=utc_now(),
        origin=applied.origin,
    )
    return StartOrder(run=run, job=job)


def follow_to_the_end(target, run, handle):
    deadline = utc_now() + timedelta(seconds=30)
    while utc_now() < deadline:
        progress = target.follow({run.uid: handle})[run.uid]
        if progress.status.is_ended:
            return progress
        target.wait([handle], timeout_seconds=1)
    raise AssertionError(f"run {run.uid} did not end")

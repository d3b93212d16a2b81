"""What to look at in a change to a job before it is merged; docs/plan.md lists every mark."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.change import Action, Change
from reconciler.model.job import Job, MisfirePolicy, OnLost, OnWarning, Overlap, Retention
from reconciler.model.systems import systems_of
from reconciler.planning.judgement_contents import (
    accounts_of,
    elevations_of,
    hosts_of,
    is_wider,
    secrets_of,
    uses_service_account,
)
from reconciler.planning.judgement_texts import runs_something_else
from reconciler.planning.judgement_values import DeviceFacts, Known, Level, Mark, Starts

SOON = timedelta(minutes=5)
_MUCH_MORE = 4
_OFTEN_PER_DAY = 1000
_CROWD = 10


class Case(Struct, frozen=True, kw_only=True):
    """A job to be judged: as it is (None: not there yet) and as it will be, with when it starts and where."""

    change: Change
    was: Job | None
    job: Job
    before: Starts | None
    after: Starts
    devices_before: DeviceFacts
    devices_after: DeviceFacts
    known: Known
    now: datetime

    @property
    def is_new(self) -> bool:
        return self.was is None

    @property
    def runs_something_else(self) -> bool:
        return self.was is not None and runs_something_else(self.was, self.job)


def danger(code: str, text: str, *names: str) -> Mark:
    return Mark(code=code, level=Level.DANGER, text=text, names=names)


def caution(code: str, text: str, *names: str) -> Mark:
    return Mark(code=code, level=Level.CAUTION, text=text, names=names)


def note(code: str, text: str, *names: str) -> Mark:
    return Mark(code=code, level=Level.NOTE, text=text, names=names)


def mark_job(case: Case) -> Iterator[Mark]:
    """Yield the marks of a job that is there after the change."""
    yield from _mark_soon(case)
    yield from _mark_devices(case)
    yield from _mark_rights(case)
    yield from _mark_secrets(case)
    yield from _mark_contents(case)
    yield from _mark_starts(case)
    yield from _mark_policies(case)


def _mark_soon(case: Case) -> Iterator[Mark]:
    first = case.after.next_at[0] if case.after.next_at else None
    if first is None or case.after.is_vague or first - case.now > SOON or not _does_something_new(case):
        return
    yield danger("soon", f"would start within 5 minutes of the merge, at {first:%H:%M} UTC")


def _does_something_new(case: Case) -> bool:
    if case.was is None or case.change.action in {Action.RESUME, Action.REPLACE}:
        return True
    fields = {"name": "", "description": "", "labels": {}, "owner": "", "retention": Retention(), "protect": False}
    return replace(case.was, id="", previous_id=None, **fields) != replace(case.job, id="", previous_id=None, **fields)


def _mark_devices(case: Case) -> Iterator[Mark]:
    before, after = case.devices_before.matched, case.devices_after.matched
    if case.was is None or case.was.devices is None or case.job.devices is None:
        if case.job.devices is not None and case.job.devices.all:
            count = f", {after.count:,} today" if after is not None else ""
            yield caution("all-devices", f"runs on every device of the target{count}")
        return
    if before is not None and after is not None and after.count > before.count:
        yield danger("wider-devices", f"wider device set: {before.count:,} before, {after.count:,} after")
    elif is_wider(case.was.devices, case.job.devices):
        if before is None or after is None:
            yield danger("wider-devices", "wider device set; how many devices it is was not looked up")
        else:
            yield caution(
                "wider-devices", f"wider device selector, though it is {after.count:,} devices today as before"
            )


def _mark_rights(case: Case) -> Iterator[Mark]:
    before, after = elevations_of(case.was), elevations_of(case.job)
    if after - before:
        yield danger("elevated", "runs elevated", *sorted(after - before))
    elif after and case.runs_something_else:
        yield caution("elevated", "what it runs changes, and it runs elevated", *sorted(after))
    others = accounts_of(case.job) - accounts_of(case.was)
    others -= {name.removeprefix("runAs ") for name in after}
    if others:
        yield caution("account", "runs under another account", *sorted(others))
    is_told = case.was is not None and uses_service_account(case.was) and not case.runs_something_else
    if case.change.target in case.known.root_targets and uses_service_account(case.job) and not is_told:
        yield note("root-service", "runs as root or SYSTEM, the account of this target's service")


def _mark_secrets(case: Case) -> Iterator[Mark]:
    before, after = secrets_of(case.was), secrets_of(case.job)
    if new := set(after.values()) - set(before.values()):
        yield danger("new-secret", "new secret reference", *sorted(new))
    elsewhere = {name for path, name in after.items() if before.get(path) != name} - new
    if elsewhere:
        yield caution("secret-moved", "a secret goes to another place", *sorted(elsewhere))
    elif after and not new and case.runs_something_else:
        yield caution("secret-used", "what it runs changes, and it is given secrets", *sorted(set(after.values())))
    if gone := set(before.values()) - set(after.values()):
        yield note("secret-removed", "is no longer given a secret", *sorted(gone))


def _mark_contents(case: Case) -> Iterator[Mark]:
    was, job = case.was, case.job
    if hosts := hosts_of(job) - hosts_of(was):
        yield caution("new-host", "sends requests to a new host", *sorted(hosts))
    if was is not None and was.protect and not job.protect:
        yield danger("unprotected", "is no longer protected: another commit may delete it")
    if was is not None and not case.is_new and case.runs_something_else:
        yield note("runs-other", "what it runs changes")
    if not _has_timeout(job):
        if was is not None and _has_timeout(was):
            yield caution("no-timeout", "has no time limit any more: a run that hangs stays for ever")
        elif case.is_new and (job.schedule or job.events):
            yield caution("no-timeout", "has no time limit: a run that hangs stays for ever")
    if was is not None and was.condition and not job.condition:
        yield caution("no-condition", "runs without the condition it had")
    if was is not None and systems_of(job) - systems_of(was):
        yield caution("more-systems", "runs on operating systems that it was kept from")


def _has_timeout(job: Job) -> bool:
    return job.timeout_seconds is not None or all(task.timeout_seconds is not None for task in job.tasks)


def _mark_starts(case: Case) -> Iterator[Mark]:
    before, after, schedule = case.before, case.after, case.job.schedule
    runs_by_itself = bool(after.next_at or after.events) and not (after.stopped and not after.next_at)
    if case.change.action is Action.SUSPEND:
        return
    if before is not None and not runs_by_itself and (before.next_at or (before.events and not before.stopped)):
        yield caution("stops", "no longer starts by itself")
    elif schedule is not None and case.job.enabled and not after.next_at and not after.stopped:
        if schedule.run_at is not None and schedule.run_at <= case.now:
            yield caution("never", "never starts: its runAt has passed")
        else:
            yield caution("never", "never starts: its schedule names no instant to come")
    if before is not None and before.per_day and after.per_day >= max(1, _MUCH_MORE * before.per_day):
        yield caution("more-often", f"starts {after.per_day / before.per_day:,.0f} times as often")
    elif case.is_new and after.per_day >= _OFTEN_PER_DAY:
        yield caution("often", f"starts {after.per_day:,.0f} times a day")
    if not after.next_at or after.is_vague or (before is not None and before.next_at == after.next_at):
        return
    company = case.known.company(case.change.target, case.job.id, after.next_at[0])
    if company is not None and company.count:
        at = f"{after.next_at[0].astimezone(UTC):%H:%M} UTC"
        others = "1 other job" if company.count == 1 else f"{company.count:,} other jobs"
        level = Level.CAUTION if company.count >= _CROWD else Level.NOTE
        yield Mark(code="together", level=level, text=f"starts together with {others} at {at}", names=company.names)
    if after.clock_changes and (before is None or before.clock_changes != after.clock_changes):
        yield note("clock-change", "a clock change skips or repeats a start in the next twelve months")


def _mark_policies(case: Case) -> Iterator[Mark]:
    """Yield what becomes laxer than it was, or than it is where nobody says anything."""
    was, job = case.was or Job(id=case.job.id), case.job
    if job.overlap is not was.overlap and job.overlap in {Overlap.ALLOW, Overlap.REPLACE}:
        what = "may run several times at once" if job.overlap is Overlap.ALLOW else "a start ends the run under way"
        yield caution("overlap", what)
    if _catches_up(job) and not _catches_up(was):
        yield caution("catches-up", "starts every instant that was missed, one after the other")
    if job.on_lost is OnLost.RERUN and was.on_lost is not OnLost.RERUN:
        yield caution("reruns", "runs again when a run is lost: it may run twice")
    if was.on_warning is OnWarning.FAIL and job.on_warning is OnWarning.PASS:
        yield caution("laxer", "warnings no longer make it fail")
    if job.discard_output and not was.discard_output:
        yield caution("no-output", "its output is not kept")
    known = {task.id: task for task in was.tasks}
    lax = [task.id for task in job.tasks if task.continue_on_failure and not _continues(known.get(task.id))]
    if lax:
        yield caution("laxer", "goes on after these tasks fail", *lax)
    codes = [
        task.id
        for task in job.tasks
        if set(task.success_exit_codes) - {0} - set(known[task.id].success_exit_codes if task.id in known else ())
    ]
    if codes:
        yield caution("laxer", "more exit codes of these tasks count as success", *codes)
    if was.rollout is not None and job.rollout is None:
        yield caution("no-rollout", "runs on all its devices at once, no longer in batches")


def _catches_up(job: Job) -> bool:
    return job.schedule is not None and job.schedule.misfire.policy is MisfirePolicy.RUN_ALL


def _continues(task: object) -> bool:
    return bool(getattr(task, "continue_on_failure", False))

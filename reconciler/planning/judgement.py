"""Judge a change: from a change and what is known beside it to the facts that a reviewer has to see.

Nothing here is part of the plan's digest: the same plan is judged anew at each moment.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from reconciler.model.change import Action, Change, FieldCause, Plan
from reconciler.model.forms import Component, Kind, OneOff, Variable
from reconciler.model.job import Job
from reconciler.planning.fan_out import judge_fan_out, mark_fan_out
from reconciler.planning.judgement_contents import elevations_of, selector_of, unseen_of
from reconciler.planning.judgement_marks import Case, caution, danger, mark_job, note
from reconciler.planning.judgement_starts import judge_one_off, judge_starts
from reconciler.planning.judgement_texts import judge_fields
from reconciler.planning.judgement_values import (
    DeviceFacts,
    Judgement,
    Key,
    Known,
    Mark,
    Starts,
    key_of,
    place_of,
    run_by,
)
from reconciler.planning.judgement_variables import mark_variable
from reconciler.schedule.anchor import moves_anchor

F = TypeVar("F", Job, Component, OneOff)
_NAMED = 5


def judge_plan(plan: Plan, *, now: datetime, known: Known) -> dict[Key, Judgement]:
    """Return the facts of each change."""
    return {key_of(change): judge(change, now=now, known=known) for change in plan.changes}


def judge(change: Change, *, now: datetime, known: Known) -> Judgement:
    """Return the facts of ``change`` if it is carried out at ``now``."""
    fields, more_fields, texts = judge_fields(change)
    was, will = _form_before(change, Job), _form_after(change, Job)
    before = _starts_before(change, was, now=now, known=known) if was is not None else None
    after = _starts_after(change, was, will, now=now, known=known)
    places = [_device_facts(change.target, form, known) for form in (was, change.after)]
    job = run_by(change.after, known.job_of) if change.action is not Action.HELD else None
    fan_out = judge_fan_out(change.target, job, after, known) if job is not None else None
    marks = [*_mark_action(change, before), *_mark_unseen(change)]
    if fan_out is not None and job is not None:
        marks += mark_fan_out(fan_out, job, after)
    if will is not None and after is not None and change.action not in {Action.HELD, Action.RETIRE}:
        case = Case(
            change=change,
            was=was,
            job=will,
            before=before,
            after=after,
            devices_before=places[0],
            devices_after=places[1],
            known=known,
            now=now,
        )
        marks += mark_job(case)
    elif isinstance(change.after, Component) and change.before is not None and texts:
        marks.append(note("runs-other", "what it runs changes"))
    elif isinstance(change.after, OneOff) and after is not None:
        marks += _mark_one_off(change.after, after, known)
    elif isinstance(change.after, Variable):
        marks += mark_variable(change)
    return Judgement(
        marks=tuple(sorted(marks, key=lambda mark: mark.level.rank)),
        before=before,
        after=after,
        devices_before=places[0] if was is not None else None,
        devices_after=places[1] if change.after is not None else None,
        fan_out=fan_out,
        fields=fields,
        more_fields=more_fields,
        texts=texts,
    )


def _form_before(change: Change, type_: type[F]) -> F | None:
    """Return what is there now: what the target has where that is known to differ, else what was applied last."""
    found = change.live if change.action in {Action.DRIFT, Action.ADOPT} else change.before
    return found if isinstance(found, type_) else None


def _form_after(change: Change, type_: type[F]) -> F | None:
    return change.after if isinstance(change.after, type_) else None


def _starts_before(change: Change, job: Job, *, now: datetime, known: Known) -> Starts:
    anchor_at = known.anchors.get((change.target, change.root_id))
    hold = known.holds.get(change.root_id)
    if change.action is Action.SUSPEND:
        hold = None
    return judge_starts(job, anchor_at=anchor_at, hold=hold, now=now)


def _starts_after(change: Change, was: Job | None, job: Job | None, *, now: datetime, known: Known) -> Starts | None:
    if isinstance(change.after, OneOff):
        one_off = change.after
        hold = next((hold for hold in known.holds.values() if hold.job_id == one_off.job), None)
        return judge_one_off(one_off, now, hold=hold)
    if job is None:
        return None
    anchor_at = known.anchors.get((change.target, change.root_id))
    hold = None if change.action is Action.RESUME else known.holds.get(change.root_id)
    begins = moves_anchor(was.schedule if was is not None else None, job.schedule)
    return judge_starts(job, anchor_at=anchor_at, hold=hold, now=now, begins=begins)


def _device_facts(target: str, form: object, known: Known) -> DeviceFacts:
    place = place_of(target, form, known.job_of)
    return DeviceFacts(selector=selector_of(place[1]), matched=known.devices.get(place))


def _mark_action(change: Change, before: Starts | None) -> Iterator[Mark]:
    """Yield what is to be said of the action itself."""
    if change.action is Action.DELETE:
        if change.kind is Kind.JOB:
            per_day = before.per_day if before is not None else 0
            lost = "; 1 start a day ends" if per_day == 1 else f"; {per_day:g} starts a day end" if per_day > 1 else ""
            yield danger("prune", f"is deleted: Git no longer declares it{lost}")
        else:
            yield caution("prune", "is deleted: Git no longer declares it")
    elif change.action is Action.REPLACE:
        yield caution("replace", "is deleted and made anew on the target")
    elif change.action is Action.ADOPT:
        theirs = [field.json_path for field in change.fields if field.cause is FieldCause.THEIRS]
        words = "it is taken over, and this is overwritten" if theirs else "it is as declared, and taken over"
        yield caution("adopt", f"was made by hand on the target; {words}", *theirs)
    elif change.action is Action.RETIRE:
        yield danger("prune", "Git no longer declares it: it is disabled now, and deleted later")
    elif change.action is Action.SUSPEND:
        yield caution("suspend", "starts nothing until it is resumed")
    elif change.action is Action.RESUME:
        yield caution("resume", "starts again")
    elif change.action is Action.HELD:
        yield note("held", "nothing is done to it")
    if theirs := [field.json_path for field in change.fields if field.cause is FieldCause.BOTH]:
        yield danger("both-changed", "was changed in Git and on the target; Git overwrites", *theirs)
    theirs = [field.json_path for field in change.fields if field.cause is FieldCause.THEIRS]
    if theirs and change.action is not Action.ADOPT:
        yield caution("drift", "was changed on the target, not in Git; that is undone", *theirs)


def _mark_unseen(change: Change) -> Iterator[Mark]:
    found, reorders = unseen_of(change.after)
    known, _ = unseen_of(change.before)
    new = sorted(found - known)
    names = [f"{character} in {path}" for path, character in new[:_NAMED]]
    if new and reorders:
        yield danger("unseen", "has characters that show text in another order than it is read", *names)
    elif new:
        yield caution("unseen", "has characters that cannot be seen", *names)


def _mark_one_off(one_off: OneOff, after: Starts, known: Known) -> Iterator[Mark]:
    if after.stopped:
        yield caution("never", f"does not run: {after.stopped}")
        return
    if after.is_from_apply:
        yield danger("soon", "runs once, as soon as the merge is applied")
    if names := elevations_of(known.job_of(one_off.job)):
        yield caution("elevated", "runs elevated", *sorted(names))
    if one_off.devices is not None and one_off.devices.all:
        yield caution("all-devices", "runs on every device of the target")

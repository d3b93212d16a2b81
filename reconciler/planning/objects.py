"""What becomes of one object on one target: from what is declared, what was applied and what is live to a change."""

from collections.abc import Iterator
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from reconciler.model.change import Action, Change, FieldChange
from reconciler.model.desired import Declared, DesiredState
from reconciler.model.forms import Component, Form, Kind, Variable, digest_form
from reconciler.model.inventory import Applied, Hold
from reconciler.model.job import Job
from reconciler.model.live import LiveObject
from reconciler.planning.diff import diff_both, diff_forms, diff_live, fields_left_alone
from reconciler.planning.removals import INCOMPLETE, why_not_removed
from reconciler.planning.surroundings import Surroundings

SETTLING = timedelta(minutes=5)
"""How long a target may take to list what was written."""

CUT_OFF = "an earlier apply was cut off here"


class Declaration(Struct, frozen=True, kw_only=True):
    """An object as it is declared on one target.

    ``root_id`` is as in ``Applied``.  ``previous`` is what was applied under its id, or under its ``previousId``;
    ``replaced`` is another object that has its id until now.
    """

    target: str
    kind: Kind
    declared: Declared[Job] | Declared[Component] | Declared[Variable]
    root_id: str
    previous: Applied | None = None
    replaced: Applied | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Under which ids it may be found at the target, the likelier first."""
        form_id = self.declared.form.id
        return (form_id,) if self.previous is None or self.previous.id == form_id else (form_id, self.previous.id)


def declared_change(item: Declaration, desired: DesiredState, around: Surroundings) -> Iterator[Change]:
    """Yield what is to be done for an object that is declared: one change, or none where all agree."""
    form, digest = item.declared.form, item.declared.digest
    hold = around.holds.get(item.root_id) if item.kind is Kind.JOB else None
    if hold is not None and around.view(item.target, item.kind) and isinstance(form, Job) and form.enabled:
        # Its target starts it by itself, so there it must be disabled to be paused.
        form = replace(form, enabled=False)
        digest = digest_form(form)
    if isinstance(form, Variable) and form.masked:
        form = _with_fingerprint(item, form, around)
        digest = digest_form(form)
    live = around.find(item.target, item.kind, *item.ids)
    action, reason = _judge(item, form, digest, live, around)
    reason = "; ".join(words for words in (reason, _value_words(item, form), _pause_words(hold)) if words)
    if action is None and (unknown := _why_secret_unknown(item, around)):
        reason = f"whether it is still what was written is not known: {unknown}"
    elif action is None and hold is None:
        return
    if action is None:
        action = Action.HELD
    elif obstacle := _obstacle(item, action, desired, around):
        action, reason = Action.HELD, obstacle
    before = item.previous
    yield Change(
        action=action,
        kind=item.kind,
        id=form.id,
        root_id=item.root_id,
        target=item.target,
        before=before.form if before is not None else None,
        after=form,
        live=live.form if live is not None else None,
        live_version=live.version if live is not None else "",
        fields=_fields(item, action, form, live, around),
        path=item.declared.path,
        from_path=_from_path(item),
        blob=item.declared.blob,
        digest=digest,
        reason=reason,
    )


def _with_fingerprint(item: Declaration, form: Variable, around: Surroundings) -> Variable:
    """Return the variable with what its secret stands for; where nobody can tell, with what it was when applied."""
    known = around.secrets.get((item.target, item.kind, form.id))
    if known is not None and not known.unknown:
        return replace(form, fingerprint=known.fingerprint)
    before = item.previous.form if item.previous is not None else None
    is_same = isinstance(before, Variable) and before.value == form.value
    return replace(form, fingerprint=before.fingerprint) if isinstance(before, Variable) and is_same else form


def _why_secret_unknown(item: Declaration, around: Surroundings) -> str:
    known = around.secrets.get((item.target, item.kind, item.declared.form.id))
    return known.unknown if known is not None else ""


def _value_words(item: Declaration, form: Form) -> str:
    """Return what to say of a value that is not shown, or nothing."""
    before = item.previous.form if item.previous is not None else None
    if not isinstance(form, Variable) or not isinstance(before, Variable):
        return ""
    if form.value == before.value and form.fingerprint != before.fingerprint:
        return "its secret stands for another value than before"
    return ""


def _judge(
    item: Declaration, form: Job | Component | Variable, digest: str, live: LiveObject | None, around: Surroundings
) -> tuple[Action | None, str]:
    before = item.previous
    if before is None:
        if live is None:
            return Action.CREATE, ""
        if around.is_begun(item.target, item.kind, form.id):
            return Action.CREATE, CUT_OFF
        return Action.ADOPT, "it is there, and was not made from here"
    is_missing = around.is_missing(item.target, item.kind, *item.ids) and not _is_fresh(before, around)
    missing = "it is gone from the target, and is made again" if is_missing else ""
    if item.replaced is not None:
        return Action.REPLACE, f"takes the id over from an earlier {item.kind} of that id, which goes"
    if before.id != form.id:
        return Action.MOVE, "; ".join(words for words in (f"renamed from {before.id}", missing) if words)
    if before.origin.path != item.declared.path:
        return Action.MOVE, missing
    if before.origin.digest != digest:
        return _change_word(before.form, form), missing
    if before.retired_at is not None:
        return Action.UPDATE, "declared again"
    if is_missing or (live is not None and _theirs(before, live, around)):
        return Action.DRIFT, missing
    return None, ""


def _is_fresh(before: Applied, around: Surroundings) -> bool:
    """Return whether it was written so lately that its target may not list it yet: a second one must not be made."""
    if before.kind is not Kind.VARIABLE or around.now is None:
        return False
    return around.now - before.applied_at < SETTLING


def _change_word(before: object, after: object) -> Action:
    was, will_be = (form.enabled if isinstance(form, Job) else True for form in (before, after))
    if isinstance(before, Variable) and isinstance(after, Variable) and before.masked != after.masked:
        return Action.REPLACE
    if was == will_be:
        return Action.UPDATE
    return Action.RESUME if will_be else Action.SUSPEND


def _obstacle(item: Declaration, action: Action, desired: DesiredState, around: Surroundings) -> str:
    """Return why nothing can be done for the object now, or nothing."""
    if unknown := around.why_unknown(item.target, item.kind) or _why_secret_unknown(item, around):
        return f"waits: {unknown}"
    if foreign := around.why_foreign(item.target, item.kind, item.declared.form.id):
        return f"{item.target} has one of that id that cannot be managed: {foreign}"
    if action is Action.CREATE and around.is_unlisted(item.target, item.kind, *item.ids):
        return INCOMPLETE.format(target=item.target)  # it may be there: a second one must not be made
    if action is Action.REPLACE and item.replaced is not None:
        return why_not_removed(item.replaced, desired, around)
    return ""


def _fields(
    item: Declaration, action: Action, form: Job | Component | Variable, live: LiveObject | None, around: Surroundings
) -> tuple[FieldChange, ...]:
    if item.previous is None:
        return _adopted_fields(around.live[item.target].normalise(form), live) if live is not None else ()
    if live is None:
        return diff_forms(item.previous.form, form)
    applied = item.previous.form
    fields = diff_both(applied, form, around.live[item.target].normalise(applied), live.form)
    return (*fields, *fields_left_alone(live)) if action is Action.DRIFT else fields


def _adopted_fields(form: Form, live: LiveObject) -> tuple[FieldChange, ...]:
    theirs = (replace(field, before=None) for field in diff_live(form, live.form))
    return (*theirs, *fields_left_alone(live))


def _theirs(before: Applied, live: LiveObject, around: Surroundings) -> tuple[FieldChange, ...]:
    return diff_live(around.live[before.target].normalise(before.form), live.form)


def _from_path(item: Declaration) -> str:
    if item.previous is None or item.previous.origin.path == item.declared.path:
        return ""
    return item.previous.origin.path


def _pause_words(hold: Hold | None) -> str:
    if hold is None:
        return ""
    end = f"until {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else "until it is resumed"
    return f"paused {end} by {hold.held_by}: {hold.reason}"

"""What becomes of an object that is applied and no longer declared: held, disabled for a while, or removed."""

from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from reconciler.model.change import Action, Change
from reconciler.model.desired import DesiredState
from reconciler.model.forms import Variable, digest_form
from reconciler.model.inventory import NOT_COMMITTED, Applied
from reconciler.model.job import Job
from reconciler.planning.diff import diff_forms, diff_live
from reconciler.planning.surroundings import Place, Surroundings

INVALID = "a definition is invalid; this waits until it is mended"
INCOMPLETE = "the listing of {target} is incomplete; this waits until it is whole"
IMPORTED = "it was imported, and no applied commit has its definition yet; commit that first"
PROTECTED = "it is protected; apply it once with `protect: false`, then remove it"


def removal(item: Applied, desired: DesiredState, around: Surroundings) -> Iterator[Change]:
    """Yield what is to be done for what is applied and not declared."""
    live = around.find(item.target, item.kind, item.id)
    change = Change(
        action=Action.HELD,
        kind=item.kind,
        id=item.id,
        root_id=item.root_id,
        target=item.target,
        before=item.form,
        live=live.form if live is not None else None,
        live_version=live.version if live is not None else "",
        path=item.origin.path,
        blob=item.origin.blob,
        digest=item.origin.digest,
    )
    if reason := why_not_removed(item, desired, around):
        yield replace(change, reason=reason)
    elif not around.is_configured(item.target):
        reason = f"target {item.target} is no longer declared: it is forgotten here, and stays there"
        yield replace(change, action=Action.DELETE, reason=reason)
    else:
        yield _removed(item, change, around)


def _removed(item: Applied, change: Change, around: Surroundings) -> Change:
    grace = around.graces.get(item.target, timedelta())
    is_missing = around.is_missing(item.target, item.kind, item.id)
    if is_missing:
        return replace(change, action=Action.DELETE, reason="it is gone from the target already")
    if not isinstance(item.form, Job) or (grace <= timedelta() and item.retired_at is None):
        return replace(change, action=Action.DELETE)
    if item.retired_at is None:
        return _retire(item.form, change, grace)
    remove_at = item.retired_at + grace
    if around.now is not None and remove_at <= around.now:
        reason = f"no longer declared, and disabled since {item.retired_at:%Y-%m-%d %H:%M} UTC"
        return replace(change, action=Action.DELETE, retires=True, reason=reason)
    reason = f"no longer declared, and disabled; it is removed at {remove_at:%Y-%m-%d %H:%M} UTC"
    if change.live is None:
        return replace(change, reason=reason)
    fields = diff_live(around.live[item.target].normalise(item.form), change.live)
    action = Action.DRIFT if fields else Action.HELD
    return replace(change, action=action, after=item.form, fields=fields, reason=reason)


def _retire(job: Job, change: Change, grace: timedelta) -> Change:
    disabled = replace(job, enabled=False)
    hours = grace.total_seconds() / 3600
    return replace(
        change,
        action=Action.RETIRE,
        retires=True,
        after=disabled,
        fields=diff_forms(job, disabled),
        digest=digest_form(disabled),
        reason=f"no longer declared: disabled now, deleted after {hours:g} h",
    )


def why_not_removed(item: Applied, desired: DesiredState, around: Surroundings) -> str:
    """Return why what is applied cannot go now, or nothing."""
    if not desired.complete or (item.kind, item.id) in desired.unreadable:
        return INVALID
    if isinstance(item.form, Job | Variable) and item.form.protect:
        return PROTECTED
    if item.origin.commit == NOT_COMMITTED:
        return IMPORTED
    if unknown := around.why_unknown(item.target, item.kind):
        return f"waits: {unknown}"
    if around.is_incomplete(item.target, item.kind):
        return INCOMPLETE.format(target=item.target)
    if foreign := around.why_foreign(item.target, item.kind, item.id):
        return f"what {item.target} has of that id cannot be managed: {foreign}"
    return ""


def orphan_removal(place: Place, around: Surroundings) -> Iterator[Change]:
    """Yield the removal of what an apply that was cut off had made, and nobody declares any more."""
    target, kind, id_ = place
    live = around.find(target, kind, id_)
    if live is not None and around.is_begun(target, kind, id_):
        yield Change(
            action=Action.DELETE,
            kind=kind,
            id=id_,
            root_id=id_,
            target=target,
            live=live.form,
            live_version=live.version,
            reason="an earlier apply that was cut off made it, and it is no longer declared",
        )

"""What to look at in a change to a variable of a target: whatever runs there gets it."""

from collections.abc import Iterator

from reconciler.model.change import Action, Change
from reconciler.model.forms import Variable
from reconciler.model.secret import SecretRef
from reconciler.planning.judgement_marks import caution, danger
from reconciler.planning.judgement_values import Mark


def mark_variable(change: Change) -> Iterator[Mark]:
    """Yield the marks of a variable that is there after the change."""
    was, will = change.before, change.after
    was = was if isinstance(was, Variable) else None
    if not isinstance(will, Variable) or change.action is Action.HELD:
        return
    if isinstance(will.value, SecretRef) and (was is None or was.value != will.value):
        yield danger("new-secret", "everything that runs there can read a new secret", will.value.secret)
    elif was is not None and was.masked and not will.masked:
        yield danger("unmasked", "is no longer hidden: whoever may look at the target can read it")
    elif was is not None and (was.value, was.fingerprint) != (will.value, will.fingerprint):
        yield caution("shared-value", "everything that runs there gets another value")
    if was is not None and was.protect and not will.protect:
        yield danger("unprotected", "is no longer protected: another commit may delete it")

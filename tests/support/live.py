"""Live states of a target that holds jobs, and plans against them."""

from typing import Any

from msgspec.structs import replace
from support.values import COMMIT

from reconciler.model.change import Change, Plan
from reconciler.model.forms import Component, Form, Kind, digest_form
from reconciler.model.live import LiveObject, LiveState
from reconciler.planning.plan import make_plan
from reconciler.planning.surroundings import Surroundings, TargetView


def without_description(form: Form) -> Form:
    """Return what the target has room for."""
    return form if isinstance(form, Component) else replace(form, description="")


def live(*forms: Form, complete: bool = True, foreign: Any = None, target: str = "local", **fields: Any) -> Any:
    """Return the surroundings in which the target has ``forms``; ``fields`` are those of the live objects."""
    objects = {
        (Kind.JOB, form.id): LiveObject(
            kind=Kind.JOB, id=form.id, form=without_description(form), version=digest_form(form), **fields
        )
        for form in forms
    }
    state = LiveState(objects=objects, complete=complete, foreign=foreign or {})
    return Surroundings(live={target: TargetView(state=state, normalise=without_description)})


def plan(desired, inventory=(), around=None, *, settled=(), tree="t" * 64, **fields) -> Plan:
    around = Surroundings() if around is None else around
    return make_plan(
        desired, inventory, settled_one_offs=settled, commit=COMMIT, tree_digest=tree, around=around, **fields
    )


def words(made: Plan) -> list[str]:
    return [f"{change.action.value} {change.id}" for change in made.changes]


def told(change: Change) -> list[tuple]:
    """Return each field with what it was, shall be, is at the target, and who changed it."""
    return [(field.json_path, field.before, field.after, field.live, field.cause.value) for field in change.fields]

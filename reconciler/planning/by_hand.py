"""What only a person can do: bring a component to a target that keeps its own, and whose API does not take it.

It is beside the plan, and in no digest: an apply changes nothing of it, so nothing of it makes a plan stale, or keeps
one from being empty.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from reconciler.model.change import Action, FieldChange, Plan
from reconciler.model.forms import Component, Kind
from reconciler.model.inventory import Applied
from reconciler.model.job import Job
from reconciler.model.live import ComponentState, ComponentWord


class UsedComponent(Struct, frozen=True, kw_only=True):
    """A component as it is declared, and the jobs of one target that run it there."""

    form: Component
    jobs: tuple[str, ...]


class ManualStep(Struct, frozen=True, kw_only=True, rename="camel"):
    """A component that is not on its target as Git declares it.

    ``file`` is the package to import, which ``command`` makes; both empty where Git has no script, and a person mends
    either side.  ``fields`` are declared (``before``) and live.
    """

    component: str
    state: ComponentWord
    jobs: tuple[str, ...]
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
    file: str = ""
    command: str = ""

    @property
    def what(self) -> str:
        """What is to be done, in our own words."""
        if self.file:
            return f"manual step: import {self.file}"
        return "manual step: change it in the portal, or declare what is there"


class ByHand(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is left to a person at one target; ``unseen`` says why nobody could look."""

    target: str
    steps: tuple[ManualStep, ...] = ()
    unseen: str = ""


def used_components(forms: Iterable[object]) -> dict[str, UsedComponent]:
    """Return the components among ``forms``, jobs and components of one target, that its jobs run."""
    jobs: dict[str, list[str]] = defaultdict(list)
    components: dict[str, Component] = {}
    for form in forms:
        if isinstance(form, Component):
            components[form.id] = form
        elif isinstance(form, Job) and form.component is not None:
            jobs[form.component].append(form.id)
    return {
        id_: UsedComponent(form=components[id_], jobs=tuple(sorted(names)))
        for id_, names in sorted(jobs.items())
        if id_ in components
    }


def forms_after(applied: Iterable[Applied], plan: Plan, target: str) -> list[object]:
    """Return the forms that ``target`` has once ``plan`` is carried out, given what is applied there."""
    forms: dict[tuple[Kind, str], object] = {(item.kind, item.id): item.form for item in applied}
    changes = [change for change in plan.changes if change.target == target and change.action is not Action.HELD]
    for change in changes:
        if change.before is not None:
            forms.pop((change.kind, change.before.id), None)
    for change in changes:
        if change.after is not None:
            forms[change.kind, change.id] = change.after
    return list(forms.values())


def manual_steps(
    target: str, used: Mapping[str, UsedComponent], states: Sequence[ComponentState]
) -> tuple[ManualStep, ...]:
    """Return a step for each component that is not as declared, or of which something is to be told."""
    return tuple(
        _step(target, used[state.id], state)
        for state in states
        if state.id in used and state.state is not ComponentWord.AS_DECLARED
    )


def _step(target: str, used: UsedComponent, state: ComponentState) -> ManualStep:
    is_ours = used.form.script is not None
    return ManualStep(
        component=state.id,
        state=state.state,
        jobs=used.jobs,
        fields=state.fields,
        reason=state.reason,
        notes=state.notes,
        file=f"{state.id}.cpt" if is_ours else "",
        command=f"reconciler targets bundle {target} --component {state.id}" if is_ours else "",
    )

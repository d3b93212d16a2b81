"""What is left to a person: beside the plan, in every rendering, and never part of what names it."""

import json

import pytest
from msgspec.structs import replace
from support.values import COMMIT, MIDNIGHT, apply_job, declare, make_job

from reconciler.model.change import Action, Change, FieldCause, FieldChange, Plan
from reconciler.model.forms import Component, Kind
from reconciler.model.live import ComponentState, ComponentWord
from reconciler.planning.by_hand import ByHand, forms_after, manual_steps, used_components
from reconciler.planning.drift import component_drift
from reconciler.planning.plan import make_plan
from reconciler.planning.renderings.document import plan_document, render_jsonl
from reconciler.planning.renderings.drift import drift_markdown, drift_text
from reconciler.planning.renderings.html import render_html
from reconciler.planning.renderings.markdown import render_markdown
from reconciler.planning.renderings.text import render_plan

CLEAR = Component(id="clear", script="true")
JOB = make_job("clean", targets=("acme",), component="clear")
DEFAULT = FieldChange("variables.days.defaultValue", "7", "7", "99|`", FieldCause.THEIRS)
DIFFERS = ComponentState(id="clear", state=ComponentWord.DIFFERS, fields=(DEFAULT,), notes=("days hides another",))
EMPTY = make_plan(declare(JOB), [apply_job(JOB, target="acme")], settled_one_offs=(), commit=COMMIT, tree_digest="t")


def steps(state, *forms):
    return manual_steps("acme", used_components(forms or (CLEAR, JOB)), [state])


LEFT = (
    ByHand(target="acme", steps=steps(DIFFERS)),
    ByHand(target="other", unseen="other: cannot log in"),
)


def test_a_component_that_differs_is_to_be_imported_and_says_who_runs_it():
    (step,) = steps(DIFFERS)
    assert (step.jobs, step.file) == (("clean",), "clear.cpt")
    assert step.command == "reconciler targets bundle acme --component clear"


def test_without_a_script_there_is_nothing_to_import():
    (step,) = steps(DIFFERS, replace(CLEAR, script=None), JOB)
    assert (step.file, step.what) == ("", "manual step: change it in the portal, or declare what is there")


def test_what_is_as_declared_or_run_by_no_job_is_nobody_s_work():
    assert steps(replace(DIFFERS, state=ComponentWord.AS_DECLARED)) == ()
    assert used_components([CLEAR, make_job("other")]) == {}


@pytest.mark.parametrize(
    ("action", "before", "after", "left"),
    [
        pytest.param(Action.CREATE, None, make_job("new"), {"clean", "new"}, id="created"),
        pytest.param(Action.DELETE, JOB, None, set(), id="deleted"),
        pytest.param(Action.MOVE, JOB, make_job("moved"), {"moved"}, id="renamed"),
        pytest.param(Action.HELD, JOB, None, {"clean"}, id="held-stays"),
    ],
)
def test_what_is_compared_is_what_the_plan_leaves(action, before, after, left):
    form = after or before
    change = Change(
        action=action, kind=Kind.JOB, id=form.id, root_id=form.id, target="acme", before=before, after=after
    )
    elsewhere = replace(change, target="other", action=Action.CREATE, id="x", before=None, after=make_job("x"))
    plan = Plan(commit=COMMIT, tree_digest="t", changes=(change, elsewhere), digest="d")
    assert {form.id for form in forms_after([apply_job(JOB, target="acme")], plan, "acme")} == left


def test_the_text_tells_what_differs_and_what_to_do():
    assert render_plan(EMPTY, by_hand=LEFT).splitlines()[:-1] == [
        "By hand (no apply does this, and it makes no plan stale):",
        "  acme: component clear: differs; run by clean",
        "        variables.days.defaultValue: 7 declared, 99|` there",
        "        days hides another",
        "        manual step: import clear.cpt, which is made by reconciler targets bundle acme --component clear",
        "  other: its components were not compared: other: cannot log in",
    ]
    assert "By hand" not in render_plan(EMPTY, by_hand=(ByHand(target="acme"),))


def test_markdown_and_html_keep_words_of_the_account_in_code():
    text = render_markdown(EMPTY, {}, now=MIDNIGHT, by_hand=LEFT)
    assert "- `acme`: component `clear`: differs; run by `clean`\n" in text
    assert "  - `variables.days.defaultValue`: `7` declared, `` 99|` `` there\n" in text
    page = render_html(EMPTY, {}, now=MIDNIGHT, by_hand=LEFT)
    assert "<code>99|`</code> there</li>" in page
    assert "manual step: import <code>clear.cpt</code>" in page


def test_many_steps_leave_room_for_the_plan():
    many = tuple(replace(steps(DIFFERS)[0], component=f"c{number}") for number in range(500))
    text = render_markdown(EMPTY, {}, now=MIDNIGHT, by_hand=(ByHand(target="acme", steps=many),))
    assert "- and 480 more\n" in text
    assert len(text) < 20_000


def test_json_and_lines_of_it_have_every_step():
    assert plan_document(EMPTY, by_hand=LEFT)["byHand"][0]["steps"][0]["fields"][0]["live"] == "99|`"
    assert "byHand" not in plan_document(EMPTY)
    last = json.loads(render_jsonl(EMPTY, by_hand=LEFT).splitlines()[-1])
    assert last == {"byHand": {"target": "other", "steps": [], "unseen": "other: cannot log in"}}


def test_drift_tells_components_with_what_was_applied():
    applied = replace(apply_job(JOB, target="acme"), kind=Kind.COMPONENT, id="clear", form=CLEAR)
    found = component_drift("acme", [applied], steps(DIFFERS), 1)
    text = drift_text([found])
    assert "  ~ component clear  changed  definitions/jobs/clean.yaml  days hides another; manual step: import" in text
    assert "      variables.days.defaultValue: 7 -> 99|`  (theirs)\n" in text
    assert "| `clear` | changed | `variables.days.defaultValue` |" in drift_markdown([found])

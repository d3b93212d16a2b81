"""Components in the plan: local targets keep them, so that one can be run without a job."""

from msgspec.structs import replace
from support.values import COMMIT, MIDNIGHT, apply_job, declare, make_job

from reconciler.model.change import Plan
from reconciler.model.desired import Declared
from reconciler.model.forms import Component, Kind, Target, digest_form
from reconciler.model.inventory import Applied
from reconciler.model.run import Origin
from reconciler.planning.plan import make_plan

CLEAR = Component(id="clear", script="true")
JOB = make_job("a")


def declared(form, folder="components") -> Declared:
    return Declared(form=form, path=f"definitions/{folder}/{form.id}.yaml", blob="b" * 40, digest=digest_form(form))


def declares(*components, jobs=(JOB,), **fields):
    return declare(*jobs, components={item.id: declared(item) for item in components}, **fields)


def applied(component: Component, target="local") -> Applied:
    origin = Origin(
        commit=COMMIT, path=f"definitions/components/{component.id}.yaml", blob="b" * 40, digest=digest_form(component)
    )
    return Applied(
        target=target,
        kind=Kind.COMPONENT,
        id=component.id,
        root_id=component.id,
        form=component,
        origin=origin,
        applied_at=MIDNIGHT,
    )


def plan(desired, *inventory) -> Plan:
    return make_plan(desired, inventory, settled_one_offs=(), commit=COMMIT, tree_digest="t" * 64)


def words(plan_: Plan) -> list[str]:
    return [f"{change.action.sign} {change.kind} {change.id} on {change.target}" for change in plan_.changes]


def test_a_component_comes_before_the_jobs_and_goes_after_them():
    both = declares(CLEAR)
    assert words(plan(both)) == ["+ component clear on local", "+ job a on local"]
    assert words(plan(declares(jobs=(make_job("b"),)), applied(CLEAR), apply_job(JOB))) == [
        "- job a on local",
        "- component clear on local",
        "+ job b on local",
    ]


def test_a_second_plan_is_empty_and_a_change_is_told_by_its_fields():
    assert words(plan(declares(CLEAR), applied(CLEAR), apply_job(JOB))) == []
    (change,) = plan(declares(replace(CLEAR, script="false")), applied(CLEAR), apply_job(JOB)).changes
    assert [(field.json_path, field.before, field.after) for field in change.fields] == [("script", "true", "false")]


def test_a_component_is_kept_where_it_can_be_run():
    theirs = Component(id="theirs", uid="c1d2")
    targets = {
        "here": declared(Target(id="here", provider="local"), "targets"),
        "far": declared(Target(id="far", provider="datto"), "targets"),
        "agents": declared(Target(id="agents", provider="keeper"), "targets"),
    }
    desired = declares(CLEAR, theirs, targets=targets)
    assert words(plan(desired, apply_job(JOB))) == [
        "+ component clear on far",
        "+ component theirs on far",
        "+ component clear on here",
        "+ component clear on local",
    ]


def test_what_only_a_person_can_bring_to_a_target_is_said():
    targets = {"far": declared(Target(id="far", provider="datto"), "targets")}
    changes = plan(declares(CLEAR, targets=targets), apply_job(JOB)).changes
    reasons = {change.target: change.reason for change in changes}
    assert reasons == {
        "far": "manual step, unless it is done: import clear.cpt (reconciler targets bundle far)",
        "local": "",
    }


def test_an_unreadable_component_keeps_its_applied_form():
    desired = declares(unreadable=frozenset({(Kind.COMPONENT, "clear")}), complete=False)
    assert words(plan(desired, applied(CLEAR), apply_job(JOB))) == ["= component clear on local"]


def test_the_last_component_may_go_where_no_job_is_declared():
    assert plan(declares(jobs=()), applied(CLEAR)).guards == ()
    assert [guard.code for guard in plan(declares(CLEAR, jobs=()), applied(CLEAR), apply_job(JOB)).guards] == [
        "GUARD002"
    ]

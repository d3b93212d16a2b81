"""Variables of a target in the plan: what Git declares, what was applied, what is there; masked ones unseen."""

import msgspec
import pytest
from msgspec.structs import replace
from support.live import plan, told
from support.plans import NOW
from support.values import apply_job, declare, make_job
from support.variables import apply_variable, around, declare_variables, masked, variable

from reconciler.model.change import Plan
from reconciler.model.forms import Kind, digest_form
from reconciler.model.inventory import NOT_COMMITTED
from reconciler.model.secret import SecretRef
from reconciler.planning.drift import find_drift
from reconciler.planning.judgement import judge_plan
from reconciler.planning.judgement_values import Known
from reconciler.planning.renderings.document import plan_document, render_jsonl
from reconciler.planning.renderings.html import render_html
from reconciler.planning.renderings.markdown import render_markdown
from reconciler.planning.renderings.text import render_plan
from reconciler.planning.surroundings import SecretPrint, Surroundings

EU, US = variable("region", "eu"), variable("region", "us")
KEPT = variable("region", "eu", protect=True)
DB, DB_OTHER_VALUE, DB_OTHER_SECRET = masked("db", "DB", "f1"), masked("db", "DB", "f2"), masked("db", "DB2", "f1")
OPEN_DB = variable("db", "hunter2")


def signs(made: Plan) -> list[str]:
    return [f"{change.action.value} {change.id}" for change in made.changes]


@pytest.mark.parametrize(
    ("declared", "applied", "found", "expected"),
    [
        pytest.param([EU], [], [], ["create account/region"], id="new"),
        pytest.param([EU], [EU], [EU], [], id="all-agree"),
        pytest.param([US], [EU], [EU], ["update account/region"], id="changed-in-git"),
        pytest.param([EU], [EU], [US], ["drift account/region"], id="changed-in-the-portal"),
        pytest.param([US], [EU], [variable("region", "apac")], ["update account/region"], id="changed-on-both-sides"),
        pytest.param([EU], [EU], [], ["drift account/region"], id="deleted-in-the-portal"),
        pytest.param([EU], [], [US], ["adopt account/region"], id="made-by-hand-and-declared"),
        pytest.param([], [], [EU], [], id="made-by-hand-is-left-alone"),
        pytest.param([], [EU], [EU], ["delete account/region"], id="removed-from-git"),
        pytest.param([], [EU], [], ["delete account/region"], id="removed-from-git-and-gone-already"),
        pytest.param([], [KEPT], [EU], ["held account/region"], id="protected"),
        pytest.param([KEPT], [EU], [EU], ["update account/region"], id="protection-is-ours-alone"),
        pytest.param([DB], [DB], [DB], [], id="masked-and-the-same"),
        pytest.param([DB_OTHER_VALUE], [DB], [DB], ["update account/db"], id="masked-another-value"),
        pytest.param([DB_OTHER_SECRET], [DB], [DB], ["update account/db"], id="masked-another-reference"),
        pytest.param([DB], [variable("db", "x")], [OPEN_DB], ["replace account/db"], id="masked-from-now-on"),
        pytest.param([OPEN_DB], [DB], [DB], ["replace account/db"], id="masked-no-more"),
        pytest.param([DB], [DB], [OPEN_DB], ["drift account/db"], id="unmasked-in-the-portal"),
        pytest.param([DB], [], [OPEN_DB], ["adopt account/db"], id="made-by-hand-for-all-to-read"),
    ],
)
def test_three_states_make_a_change(declared, applied, found, expected):
    secrets = {form.id: form.fingerprint for form in declared if form.masked}
    bare = [replace(form, fingerprint="") for form in declared]
    made = plan(declare_variables(*bare), [apply_variable(form) for form in applied], around(*found, secrets=secrets))
    assert signs(made) == expected


def test_the_second_plan_is_empty():
    desired, here = declare_variables(EU, replace(DB, fingerprint="")), around(secrets={"account/db": "f1"})
    applied = [apply_variable(change.form) for change in plan(desired, (), here).changes]
    assert plan(desired, applied, around(EU, DB, secrets={"account/db": "f1"})).changes == ()


def test_a_value_that_is_overwritten_is_shown():
    (change,) = plan(declare_variables(EU), (), around(US)).changes
    assert told(change) == [("value", None, "eu", "us", "theirs")]


@pytest.mark.parametrize("applied", [[], [DB]])
def test_what_is_to_be_hidden_is_not_shown_where_it_stands_open(applied):
    around_ = around(OPEN_DB, secrets={"account/db": "f1"})
    made = plan(declare_variables(DB), [apply_variable(form) for form in applied], around_)
    facts = judge_plan(made, now=NOW, known=Known())
    rendered = [
        render_plan(made, facts),
        render_markdown(made, facts, now=NOW),
        render_html(made, facts, now=NOW),
        render_jsonl(made, facts, now=NOW),
        msgspec.json.encode(plan_document(made, facts)).decode(),
    ]
    assert all("account/db" in text and "hunter2" not in text for text in rendered)
    drift = find_drift([apply_variable(form) for form in applied], around_)
    assert b"hunter2" not in msgspec.json.encode(drift)


def test_another_value_of_a_secret_is_told_and_not_shown():
    made = plan(declare_variables(masked()), [apply_variable(DB)], around(DB, secrets={"account/db": "fingerprint"}))
    (change,) = made.changes
    assert (told(change), change.reason) == ([], "its secret stands for another value than before")
    assert "fingerprint" not in render_plan(made, judge_plan(made, now=NOW, known=Known()))


def test_the_digest_of_the_plan_moves_with_the_value_of_a_secret():
    desired, applied = declare_variables(masked()), [apply_variable(DB)]
    digests = {plan(desired, applied, around(DB, secrets={"account/db": print_})).digest for print_ in ("f2", "f3")}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("applied", "reason"),
    [
        ([], "waits: secret DB is not defined"),
        ([DB], "whether it is still what was written is not known: secret DB is not defined"),
        ([masked("db", "OLD", "f1")], "waits: secret DB is not defined"),
    ],
)
def test_without_the_secret_a_masked_variable_waits(applied, reason):
    here = around(*applied, secrets={"account/db": SecretPrint(unknown="secret DB is not defined")})
    (change,) = plan(declare_variables(masked()), [apply_variable(form) for form in applied], here).changes
    assert (change.action.value, change.reason) == ("held", reason)


def test_nothing_is_made_or_deleted_by_an_incomplete_listing():
    made = plan(declare_variables(EU), [apply_variable(DB)], around(complete=False))
    assert signs(made) == ["held account/db", "held account/region"]


def test_a_key_that_may_not_list_holds_variables_and_no_job():
    silent = Surroundings(silent={("acme", Kind.VARIABLE): "permission denied"})
    job = make_job("a", targets=("acme",))
    desired = replace(declare_variables(EU), jobs=_declared_jobs(job))
    made = plan(desired, [apply_variable(DB)], silent)
    assert signs(made) == ["create a", "held account/db", "held account/region"]
    assert {change.reason for change in made.changes[1:]} == {"waits: permission denied"}
    (drift,) = find_drift([apply_variable(DB), apply_job(job, target="acme")], silent)
    assert (drift.unavailable, drift.applied) == ("permission denied", 1)


def _declared_jobs(*jobs):
    return declare(*jobs).jobs


def test_variables_come_before_the_jobs_and_go_after_them():
    job, gone = make_job("a", targets=("acme",)), make_job("b", targets=("acme",))
    desired = replace(declare_variables(EU), jobs=_declared_jobs(job))
    inventory = [apply_variable(variable("old")), apply_job(gone, target="acme")]
    made = plan(desired, inventory, around(variable("old")))
    assert signs(made) == ["delete b", "delete account/old", "create account/region", "create a"]


def test_many_jobs_do_not_hide_that_most_variables_go():
    variables = [variable(f"v{number}") for number in range(10)]
    jobs = [make_job(f"j{number}", targets=("acme",)) for number in range(100)]
    inventory = [*map(apply_variable, variables), *(apply_job(job, target="acme") for job in jobs)]

    def guards(kept):
        desired = replace(declare_variables(*variables[:kept]), jobs=_declared_jobs(*jobs))
        return [guard.message for guard in plan(desired, inventory, around(*variables)).guards]

    assert guards(7) == []
    assert guards(6) == ["acme: plan deletes 4 of 10 variables (40 %, above 30 %)"]


def test_what_was_imported_stays_until_a_commit_has_it():
    item = apply_variable(EU)
    item = replace(item, origin=replace(item.origin, commit=NOT_COMMITTED))
    assert signs(plan(declare_variables(), [item], around(EU))) == ["held account/region"]


def test_what_an_apply_made_before_it_was_killed_is_ours():
    cut = replace(around(EU), begun={("acme", Kind.VARIABLE, EU.id): frozenset({digest_form(EU.as_live())})})
    (change,) = plan(declare_variables(EU), (), cut).changes
    assert (change.action.value, change.reason) == ("create", "an earlier apply was cut off here")
    assert signs(plan(declare_variables(), (), cut)) == ["delete account/region"]


def test_a_variable_that_cannot_be_managed_is_left_alone():
    here = around(foreign={(Kind.VARIABLE, EU.id): "two have that name"})
    made = plan(declare_variables(EU), (), here)
    assert [change.reason for change in made.changes] == [
        "acme has one of that id that cannot be managed: two have that name"
    ]


def test_a_reviewer_is_told_who_reads_a_secret_and_what_is_no_longer_hidden():
    def marks(declared, applied, found):
        secrets = {form.id: form.fingerprint for form in (declared,) if form.masked}
        made = plan(
            declare_variables(declared), [apply_variable(form) for form in applied], around(*found, secrets=secrets)
        )
        (facts,) = judge_plan(made, now=NOW, known=Known()).values()
        return [(mark.code, mark.level.value, mark.names) for mark in facts.marks]

    assert marks(DB, [], []) == [("new-secret", "danger", ("DB",))]
    assert ("new-secret", "danger", ("DB2",)) in marks(DB_OTHER_SECRET, [DB], [DB])
    assert ("unmasked", "danger", ()) in marks(OPEN_DB, [DB], [DB])
    assert marks(US, [EU], [EU]) == [("shared-value", "caution", ())]
    assert marks(DB_OTHER_VALUE, [DB], [DB]) == [("shared-value", "caution", ())]
    assert ("unprotected", "danger", ()) in marks(EU, [KEPT], [EU])
    assert marks(variable("region", SecretRef("R")), [], [])[0][0] == "new-secret"

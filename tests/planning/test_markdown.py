"""The comment of a pull request, part by part; the golden files have it whole."""

from msgspec.structs import replace
from support.plans import NOW, judged, one_change
from support.values import make_job

from reconciler.model.change import Action, Guard
from reconciler.model.forms import Kind
from reconciler.model.job import Schedule
from reconciler.model.problem import Problem, Severity
from reconciler.planning.renderings.html import render_html
from reconciler.planning.renderings.markdown import MARKER, render_markdown

DAILY = Schedule(cron_expression="0 6 * * *")


def test_an_empty_plan_says_that_nothing_happens():
    plan, facts = judged([], [])
    text = render_markdown(plan, facts, now=NOW)
    assert text.startswith(f"{MARKER}\n## Plan: nothing changes\n\nMerging this changes no job, deletes nothing")
    assert "|" not in text
    assert "<details" not in text


def test_what_is_held_back_stays_as_it_is_and_says_why():
    plan, facts = judged(
        [make_job(schedule=DAILY)], [make_job("b", timeout_seconds=5)], unreadable=frozenset({(Kind.JOB, "a")})
    )
    (held,) = [change for change in plan.changes if change.action is Action.HELD]
    row = f"|  | **held back** | job `a` on `local` | daily at 06:00 UTC | `{held.reason}` |"
    assert row in render_markdown(plan, facts, now=NOW).splitlines()


def test_a_guard_names_both_ways_to_allow_the_plan():
    plan, facts = one_change()
    guard = Guard(code="GUARD001", target="local", message="local: 9 of 24", override="--allow-deletes 3f9a")
    text = render_markdown(replace(plan, guards=(guard,)), facts, now=NOW)
    assert "> **Held back by GUARD001**: `local: 9 of 24`. Nothing is changed there." in text
    assert (
        f"`--allow-deletes 3f9a`, or in the message of the merged commit `Reconciler-Allow: {plan.digest[:12]}`" in text
    )


def test_invalid_definitions_and_silent_targets_are_told_before_the_table():
    plan, facts = one_change()
    problem = Problem(code="JOB001", severity=Severity.ERROR, path="jobs/a.yaml", line=3, message="no")
    for render in (render_markdown, render_html):
        text = render(plan, facts, now=NOW, problems=[problem] * 12, unavailable={"keeper": "timed out"})
        told = text.index("Definitions are invalid"), text.index("could not be read"), text.index("Look at")
        assert list(told) == sorted(told)
        assert "(12 errors)" in text


def test_warnings_alone_are_not_called_invalid():
    plan, facts = one_change()
    problem = Problem(code="TIME005", severity=Severity.INFORMATION, path="jobs/a.yaml", message="hm")
    assert "invalid" not in render_markdown(plan, facts, now=NOW, problems=[problem])


def test_a_comparison_names_both_commits_and_how_to_see_more():
    jobs = [make_job(f"job-{number}", description="x" * 300) for number in range(400)]
    plan, facts = judged([], jobs)
    text = render_markdown(plan, facts, now=NOW, base="d" * 40, budget=20_000)
    assert f"Commit `{plan.commit[:12]}` compared with `{'d' * 12}`, digest" in text
    assert f"`reconciler plan --base {'d' * 12} --format html --out plan.html`" in text


def test_many_changes_of_a_kind_share_a_row_and_few_do_not():
    jobs = [make_job(f"job-{number:02}", timeout_seconds=5) for number in range(50)]
    plan, facts = judged([make_job("gone", schedule=DAILY)], jobs)
    rows = [line for line in render_markdown(plan, facts, now=NOW).splitlines() if line.startswith("| ")]
    assert rows[1].startswith("| \U0001f534 | **delete** | job `gone` on `local` | daily at 06:00 UTC \u2192 never |")
    assert rows[2].startswith("|  | **create** | 50 jobs on `local`: `job-00`, `job-01`")


def test_a_long_change_does_not_push_out_those_after_it():
    script = "\n".join(f"echo {number}" for number in range(20_000))
    jobs = [make_job("a", tasks=make_job().tasks), *(make_job(f"b{number}") for number in range(9))]
    jobs[0] = replace(jobs[0], tasks=(replace(jobs[0].tasks[0], command=None, script=script),))
    plan, facts = judged([], jobs)
    text = render_markdown(plan, facts, now=NOW)
    assert text.count("<details>") == 10
    assert "lines are not shown here @@" in text

from datetime import UTC, datetime

import msgspec
import pytest
from support.values import COMMIT, apply_job, declare, make_job

from reconciler.model.forms import OneOff
from reconciler.model.job import EventTrigger, Schedule
from reconciler.planning.judgement_values import Starts
from reconciler.planning.plan import make_plan
from reconciler.planning.renderings.document import plan_document
from reconciler.planning.renderings.text import render_plan
from reconciler.planning.renderings.words import pace_words


def plan(desired, inventory=()):
    return make_plan(desired, inventory, settled_one_offs=(), commit=COMMIT, tree_digest="t" * 64)


def test_each_change_is_a_line_with_its_sign_and_the_sum_comes_last():
    before = [make_job("change-me"), make_job("delete-me")]
    desired = declare(
        make_job("change-me", priority=9), make_job("create-me"), OneOff(id="run-me", job="create-me", reason="try it")
    )
    made = plan(desired, [apply_job(job) for job in before])
    assert render_plan(made).splitlines() == [
        "local:",
        "  -   job delete-me  definitions/jobs/delete-me.yaml",
        "  ~   job change-me  definitions/jobs/change-me.yaml",
        "        priority: (none) -> 9",
        "  +   job create-me  definitions/jobs/create-me.yaml",
        "        runs only when asked to",
        "  >   run run-me -> create-me  definitions/runs/run-me.yaml  (try it)",
        f"Plan: 1 to create, 1 to change, 1 to delete, 1 to run. digest {made.digest[:12]}",
    ]


def test_a_schedule_is_told_in_words():
    before = make_job("a", schedule=Schedule(interval_minutes=30))
    after = make_job("a", schedule=Schedule(interval_minutes=60))
    assert "every 30 minutes" in render_plan(plan(declare(before)))
    assert "(every 30 minutes -> every hour)" in render_plan(plan(declare(after), [apply_job(before)]))


def test_a_disabled_job_and_an_event_are_told():
    job = make_job("a", enabled=False, events=(EventTrigger(event_type="Startup"),))
    assert "runs at event Startup, but is disabled" in render_plan(plan(declare(job)))


def test_text_from_definitions_cannot_forge_a_line_or_move_the_cursor():
    evil = "x\nPlan: 0 to create\x1b[2J\u202e"
    text = render_plan(plan(declare(make_job("a"), OneOff(id="b", job="a", reason=evil))))
    assert len(text.splitlines()) == 5
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_guard_names_its_override():
    inventory = [apply_job(make_job(f"job-{number}")) for number in range(10)]
    made = plan(declare(make_job("job-9")), inventory)
    assert "! GUARD001 local: plan deletes 9 of 10 jobs (90 %, above 30 %)" in render_plan(made)
    assert f"If this is meant: --allow-deletes {made.digest[:12]}" in render_plan(made)


def test_the_document_holds_what_the_text_says():
    made = plan(declare(make_job("a"), OneOff(id="once", job="a")))
    document = plan_document(made)
    assert document["summary"]["create"] == document["summary"]["run"] == 1
    assert [change["action"] for change in document["changes"]] == ["create", "one-off"]
    assert msgspec.json.decode(msgspec.json.encode(document)) == document


@pytest.mark.parametrize(
    ("in_28_days", "words"),
    [(56, "2 a day"), (28, "1 a day"), (20, "5 a week"), (8, "2 a week"), (4, "1 a week"), (2, "2 in 28 days")],
)
def test_how_often_a_job_starts_is_told_by_the_unit_that_fits(in_28_days, words):
    at = datetime(2026, 3, 2, 3, tzinfo=UTC)
    assert pace_words(Starts(words="weekly", next_at=(at,), per_day=round(in_28_days / 28, 2))) == words

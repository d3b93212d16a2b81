"""Drift is what is live against what was last applied, whatever Git says."""

from msgspec.structs import replace
from support.values import apply_job, make_job

from reconciler.model.forms import Kind
from reconciler.model.live import LiveObject, LiveState
from reconciler.planning.drift import DriftState, find_drift
from reconciler.planning.renderings.drift import drift_document, drift_markdown, drift_text
from reconciler.planning.surroundings import Surroundings, TargetView

A, B, C = (make_job(name, targets=("agents",)) for name in "abc")


def live(job, **fields):
    return LiveObject(kind=Kind.JOB, id=job.id, form=replace(job, targets=()), version="1", **fields)


def look(*objects, foreign=(), complete=True, unavailable=""):
    state = LiveState(
        objects={(item.kind, item.id): item for item in objects},
        foreign={(Kind.JOB, id_): f"{id_}.json: it is not JSON" for id_ in foreign},
        complete=complete,
    )
    view = TargetView(state=state, normalise=lambda form: replace(form, targets=()))
    return Surroundings(
        live={} if unavailable else {"agents": view}, unavailable={"agents": unavailable} if unavailable else {}
    )


def found(around, *jobs):
    (target,) = find_drift([apply_job(job, target="agents") for job in jobs], around)
    return target


def test_what_is_as_applied_has_not_drifted():
    assert found(look(live(A)), A).items == ()


def test_a_field_that_was_changed_at_the_target_is_told_with_its_cause():
    (item,) = found(look(live(replace(A, description="theirs"))), A).items
    assert (item.state, item.path) == (DriftState.CHANGED, "definitions/jobs/a.yaml")
    assert [(field.json_path, field.before, field.live, field.cause.value) for field in item.fields] == [
        ("description", None, "theirs", "theirs")
    ]


def test_what_is_gone_or_unreadable_is_told_as_that():
    target = found(look(foreign=["b"]), A, B)
    assert [(item.id, item.state) for item in target.items] == [("a", DriftState.MISSING), ("b", DriftState.FOREIGN)]
    assert target.foreign == {}


def test_an_incomplete_listing_shows_nothing_as_missing():
    assert found(look(complete=False), A).items == ()


def test_what_the_target_has_besides_is_no_drift():
    target = found(look(live(A, unmanaged={"category": "x"}), live(C), foreign=["d"]), A)
    assert target.items == ()
    assert [field.json_path for field in target.left_alone[Kind.JOB, "a"]] == ["category"]
    assert target.not_ours == ((Kind.JOB, "c"),)
    assert list(target.foreign) == [(Kind.JOB, "d")]


def test_a_target_that_does_not_answer_says_nothing_of_drift():
    target = found(look(unavailable="no route"), A)
    assert (target.unavailable, target.items) == ("no route", ())
    assert drift_text([target]) == (
        "agents:\n  could not be read: no route\n"
        "Drift: 0 changed, 0 missing, 0 unreadable, of 1 applied. Not known of agents.\n"
    )


def test_text_of_a_target_forges_no_line_and_no_markdown():
    evil = "x\n## Drift\n| a | `b` @all <img>"
    target = found(look(live(replace(A, description=evil)), live(make_job("c", targets=()))), A)
    assert "\n## Drift" not in drift_text([target])
    assert drift_markdown([target]).count("## Drift") == 2  # the title, and the words in one cell
    assert all(line.count(" | ") <= 5 for line in drift_markdown([target]).splitlines() if line.startswith("| `a`"))


def test_the_document_has_everything():
    target = found(look(live(replace(A, description="theirs"), unmanaged={"k": 1}), live(C), foreign=["d"]), A, B)
    (document,) = drift_document([target])
    assert [item["state"] for item in document["items"]] == ["changed", "missing"]
    assert document["leftAlone"][0]["fields"][0]["cause"] == "unmanaged"
    assert (document["notOurs"][0]["id"], document["foreign"][0]["id"]) == ("c", "d")


def test_where_no_target_holds_jobs_nothing_can_drift():
    assert (
        drift_text(find_drift([], Surroundings()))
        == "Drift: no target holds jobs or components itself, so nothing can drift.\n"
    )

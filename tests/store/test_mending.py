"""Rows that hold what we never wrote: named where they are met, set aside where somebody asks for it."""

import json
import sqlite3
from contextlib import closing

import pytest
from support.store import MIDNIGHT, MINUTE, add_run, applied_of, finished, job_of, open_at, receipt_of, schedule_of

from reconciler.model.errors import CouldNot
from reconciler.model.event import Event
from reconciler.model.forms import Kind
from reconciler.model.inventory import Hold
from reconciler.model.run import Disposition, RunStatus
from reconciler.store.errors import RowUnreadable
from reconciler.store.mending import keep_beside
from reconciler.store.records import RunFilter

EVENT = Event(id="1", type="backup", source="test", at=MIDNIGHT, data={})


@pytest.fixture
def store(tmp_path):
    """A state with something in each table, as others may damage it."""
    store = open_at(tmp_path)
    store.record_applied([applied_of(job_of("a")), applied_of(job_of("b"))], [schedule_of("a", MIDNIGHT)])
    open_run, ended = add_run(store, "a", 1), add_run(store, "b", 3)
    store.finish_runs([finished(ended)])
    store.add_receipts([receipt_of("once", ended)])
    store.set_hold(Hold(root_id="a", job_id="a", at=MIDNIGHT, until=None, reason="", held_by="me"))
    store.acquire_lease("apply", owner="me", now=MIDNIGHT, until=MIDNIGHT + MINUTE)
    store.finish_pass(
        store.begin_pass(commit="c" * 40, tree_digest="", now=MIDNIGHT), now=MIDNIGHT, outcome="", detail="", counts={}
    )
    store.add_events([EVENT])
    store.open_run, store.ended = open_run.uid, ended.uid
    yield store
    store.close()


def damage(store, table, column, value):
    with closing(sqlite3.connect(store.path)) as database, database:
        database.execute(f"UPDATE {table} SET {column} = ?", (value,))


LOOKS = {
    "runs": lambda store: store.runs(RunFilter(), limit=9),
    "forms": lambda store: store.inventory(),
    "schedules": lambda store: store.schedules(),
    "holds": lambda store: store.holds(),
    "leases": lambda store: store.lease("apply"),
    "passes": lambda store: store.passes(9),
    "receipts": lambda store: store.receipts(),
    "occurrences": lambda store: store.occurrences(limit=9),
    "tasks": lambda store: store.tasks(store.ended),
    "output": lambda store: store.output(store.ended),
    "events": lambda store: store.pending_events(limit=9),
}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("runs", "device", "{"),
        ("runs", "status", "odd"),
        ("runs", "variables", "[1"),
        ("runs", "created_at", "yesterday"),
        ("runs", "due_at", b"\xff"),
        ("runs", "event", "[]"),
        ("runs", "question", "?"),
        ("runs", "trigger_kind", ""),
        ("forms", "data", b"\x00\xff"),
        ("forms", "data", b"{}"),
        ("schedules", "anchor_at", "soon"),
        ("schedules", "next_at", ""),
        ("holds", "at", "zzz"),
        ("holds", "until", "zzz"),
        ("leases", "until", "9"),
        ("passes", "counts", "{"),
        ("receipts", "at", "x"),
        ("occurrences", "disposition", "odd"),
        ("occurrences", "scheduled_for", "x"),
        ("tasks", "data", "xx"),
        ("output", "stream", "stdin"),
        ("events", "at", "x"),
        ("events", "outcome", "{"),
    ],
)
def test_p16_a_bad_row_is_named_and_set_aside_and_the_rest_goes_on(store, tmp_path, table, column, value):
    damage(store, table, column, value)
    with pytest.raises(RowUnreadable, match="the state has a row that cannot be read: ") as caught:
        LOOKS[table](store)
    assert "reconciler repair" in caught.value.hint
    mended = store.mend_rows(now=MIDNIGHT, keep=keep_beside(tmp_path / "kept"))
    assert mended.lines
    assert all(line.startswith(f"{table}: ") for line in mended.lines)
    for look in LOOKS.values():
        look(store)
    kept = [json.loads(line) for line in (tmp_path / "kept").read_text().splitlines()]
    assert len(kept) == len(mended.lines)
    before = value.hex() if isinstance(value, bytes) else value
    assert {row["row"][column] for row in kept} == {before}
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600
    assert store.mend_rows(now=MIDNIGHT, keep=pytest.fail).lines == ()


def test_a_sound_state_has_nothing_to_mend(store):
    assert store.mend_rows(now=MIDNIGHT, keep=pytest.fail) == store.mend_rows(now=MIDNIGHT, keep=pytest.fail)
    assert store.mend_rows(now=MIDNIGHT, keep=pytest.fail).lines == ()


def test_of_the_runs_only_those_under_way_are_given_up(store, tmp_path):
    damage(store, "runs", "status", "odd")
    mended = store.mend_rows(now=MIDNIGHT, keep=keep_beside(tmp_path / "kept"))
    assert mended.runs == (store.open_run,)
    assert store.run(store.ended).status is RunStatus.UNKNOWN


def test_a_schedule_that_was_damaged_is_given_to_be_begun_anew(store, tmp_path):
    damage(store, "schedules", "cursor_at", "never")
    assert store.mend_rows(now=MIDNIGHT, keep=keep_beside(tmp_path / "kept")).schedules == (("local", "a"),)


def test_a_pause_that_was_damaged_still_holds(store, tmp_path):
    damage(store, "holds", "until", "some day")
    store.mend_rows(now=MIDNIGHT, keep=keep_beside(tmp_path / "kept"))
    assert store.holds()["a"].until is None


def test_a_lease_that_was_damaged_is_free_and_its_token_never_falls(store, tmp_path):
    damage(store, "leases", "until", "some day")
    store.mend_rows(now=MIDNIGHT, keep=keep_beside(tmp_path / "kept"))
    lease = store.acquire_lease("apply", owner="you", now=MIDNIGHT, until=MIDNIGHT + MINUTE)
    assert lease.token == 2


def test_an_occurrence_that_was_damaged_keeps_its_key(store, tmp_path):
    damage(store, "occurrences", "disposition", "odd")
    store.mend_rows(now=MIDNIGHT, keep=keep_beside(tmp_path / "kept"))
    assert {item.disposition for item in store.occurrences(limit=9)} == {Disposition.MISSED}


def test_a_form_that_was_damaged_is_not_applied_any_more(store, tmp_path):
    damage(store, "forms", "data", b"")
    store.mend_rows(now=MIDNIGHT, keep=keep_beside(tmp_path / "kept"))
    assert store.inventory() == []
    assert store.form(Kind.JOB, applied_of(job_of("a")).origin.digest) is None


def test_what_cannot_be_kept_is_not_changed(store, tmp_path):
    (tmp_path / "kept").mkdir()
    damage(store, "holds", "at", "zzz")
    with pytest.raises(CouldNot, match="kept: cannot write"):
        store.mend_rows(now=MIDNIGHT, keep=keep_beside(tmp_path / "kept"))
    with pytest.raises(RowUnreadable):
        store.holds()


def test_what_was_noted_of_all_that_is_applied_is_forgotten_with_a_form_that_cannot_be_read(store):
    store.note_footing("all is well")
    damage(store, "forms", "data", b"{")
    store.mend_rows(now=MIDNIGHT, keep=[].append)
    assert store.footing() == ""

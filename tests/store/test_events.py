"""Events are recorded once, kept with what became of them, and find the jobs that name them."""

import sqlite3

import pytest
from msgspec.structs import replace
from support.store import MIDNIGHT, MINUTE, add_run, applied_of, job_of, open_at

from reconciler.model.event import Event
from reconciler.model.forms import Kind
from reconciler.model.job import EventTrigger

DISK_FULL = Event(id="1", type="disk-full", source="monitor", at=MIDNIGHT, device="web01", data={"free": 3}, depth=2)


def on_events(job_id, *event_types):
    triggers = tuple(EventTrigger(event_type=event_type) for event_type in event_types)
    return replace(job_of(job_id, interval_minutes=None), events=triggers)


def ids_for(store, event_type):
    return [(item.target, item.id) for item in store.jobs_for_event(event_type)]


def test_an_event_is_recorded_once_by_its_source_and_id(store):
    assert store.add_events([DISK_FULL]) == 1
    assert store.add_events([DISK_FULL, replace(DISK_FULL, source="other"), replace(DISK_FULL, data={})]) == 1
    assert [record.event for record in store.events(limit=9)] == [replace(DISK_FULL, source="other"), DISK_FULL]


def test_an_event_is_pending_until_it_is_settled(store):
    store.add_events([DISK_FULL, replace(DISK_FULL, id="2")])
    first, second = store.pending_events(limit=9)
    store.put_off_event(first.seq, outcome={"started": 1}, remaining=[("datto", "a")])
    store.settle_event(second.seq, outcome={"disabled": 2}, now=MIDNIGHT)
    pending = store.pending_events(limit=9)
    assert [(record.event.id, record.remaining, record.outcome) for record in pending] == [
        ("1", (("datto", "a"),), {"started": 1})
    ]
    assert store.pending_events(after_seq=first.seq, limit=9) == []
    settled = store.events(limit=9)[0]
    assert (settled.settled_at, settled.outcome) == (MIDNIGHT, {"disabled": 2})


def test_settled_events_are_kept_up_to_a_number_and_pending_ones_always(store):
    store.add_events([replace(DISK_FULL, id=str(number)) for number in range(6)])
    for record in store.pending_events(limit=9)[1:]:
        store.settle_event(record.seq, outcome={}, now=MIDNIGHT)
    assert store.prune_events(keep=3) == 2
    assert [record.event.id for record in store.events(limit=9)] == ["5", "4", "3", "0"]


def test_large_data_of_a_settled_event_is_not_kept(store):
    store.add_events([replace(DISK_FULL, data={"text": "x" * 5000})])
    (record,) = store.pending_events(limit=9)
    store.settle_event(record.seq, outcome={}, now=MIDNIGHT)
    assert store.events(limit=9)[0].event.data == {}


def test_a_damaged_row_hides_none_of_the_others(store, tmp_path):
    """RELIABILITY G15."""
    store.add_events([DISK_FULL, replace(DISK_FULL, id="2")])
    connection = sqlite3.connect(store.path)
    connection.execute("UPDATE events SET data = '{\"free\": ' WHERE id = '1'")
    connection.commit()
    connection.close()
    assert [(record.event.id, record.is_readable) for record in store.pending_events(limit=9)] == [
        ("1", False),
        ("2", True),
    ]


def test_jobs_are_found_by_the_type_that_they_name_as_it_is_written(store):
    store.record_applied([applied_of(on_events("a", "disk-full", "Startup")), applied_of(job_of("b"))], [])
    store.record_applied([applied_of(on_events("c", "disk-full"), target="datto")], [])
    assert ids_for(store, "disk-full") == [("datto", "c"), ("local", "a")]
    assert ids_for(store, "Disk-Full") == []
    assert store.awaited_types(["Startup", "startup", "disk-full"]) == {"Startup", "disk-full"}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(on_events("a", "other"), [], id="names-another-type"),
        pytest.param(on_events("a"), [], id="names-none"),
        pytest.param(on_events("a", "disk-full", "other"), [("local", "a")], id="names-one-more"),
    ],
)
def test_a_job_that_changes_is_found_by_what_it_names_now(store, after, expected):
    store.record_applied([applied_of(on_events("a", "disk-full"))], [])
    store.record_applied([applied_of(after)], [])
    assert ids_for(store, "disk-full") == expected


def test_a_renamed_job_is_found_once_and_a_deleted_one_not_at_all(store):
    store.record_applied([applied_of(on_events("a", "disk-full"))], [])
    store.record_applied([applied_of(on_events("b", "disk-full"), root_id="a")], [])
    assert ids_for(store, "disk-full") == [("local", "b")]
    store.record_deleted("local", Kind.JOB, "b")
    assert ids_for(store, "disk-full") == []
    assert store.awaited_types(["disk-full"]) == set()


def test_a_job_of_the_same_id_and_another_root_takes_the_place(store):
    store.record_applied([applied_of(on_events("a", "disk-full"), root_id="older")], [])
    store.record_applied([applied_of(on_events("a", "other"))], [])
    assert store.awaited_types(["disk-full", "other"]) == {"other"}


def test_an_occurrence_counts_the_events_that_it_stands_for(store):
    run = add_run(store, "a", 1)
    store.count_again(run.occurrence_id, more=3, last_at=MIDNIGHT + MINUTE)
    (occurrence,) = store.occurrences(limit=9)
    assert (occurrence.count, occurrence.last_instant) == (4, MIDNIGHT + MINUTE)


def test_jobs_that_were_applied_before_there_were_events_are_found(tmp_path):
    store = open_at(tmp_path)
    store.record_applied([applied_of(on_events("a", "disk-full")), applied_of(job_of("b"))], [])
    store.close()
    connection = sqlite3.connect(tmp_path / "state.db")
    connection.executescript(
        "DROP TABLE attempt_output; DROP INDEX runs_of_origin; DROP INDEX occurrences_of_origin;"
        "DROP TABLE events; DROP TABLE event_jobs; ALTER TABLE inventory DROP COLUMN retired_at;"
        "ALTER TABLE runs DROP COLUMN question;"
        "ALTER TABLE runs DROP COLUMN start_after;"
        "UPDATE alembic_version SET version_num = '0005';"
    )
    connection.close()
    store = open_at(tmp_path)
    assert ids_for(store, "disk-full") == [("local", "a")]
    store.close()

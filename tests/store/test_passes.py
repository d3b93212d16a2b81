from support.store import MIDNIGHT, MINUTE

from reconciler.store.records import JournalEntry, PassRecord


def test_a_pass_is_recorded_from_its_beginning_to_its_end(store):
    first = store.begin_pass(commit="c1", tree_digest="t1", now=MIDNIGHT)
    second = store.begin_pass(commit="c2", tree_digest="t2", now=MIDNIGHT + MINUTE)
    store.finish_pass(first, now=MIDNIGHT + MINUTE, outcome="applied", detail="as planned", counts={"create": 2})
    assert store.passes(9) == [
        PassRecord(
            id=second,
            commit="c2",
            tree_digest="t2",
            started_at=MIDNIGHT + MINUTE,
            finished_at=None,
            outcome="",
            detail="",
            counts={},
        ),
        PassRecord(
            id=first,
            commit="c1",
            tree_digest="t1",
            started_at=MIDNIGHT,
            finished_at=MIDNIGHT + MINUTE,
            outcome="applied",
            detail="as planned",
            counts={"create": 2},
        ),
    ]
    assert [record.id for record in store.passes(1)] == [second]


def test_the_journal_keeps_what_was_begun_in_its_order_until_it_is_closed(store):
    store.open_journal("psu", [("job/b", b"1"), ("job/a", b"2")], MIDNIGHT)
    store.open_journal("local", [("job/a", b"3")], MIDNIGHT)
    store.close_journal_entry("psu", "job/b")
    assert store.open_entries("psu") == [JournalEntry(target="psu", key="job/a", data=b"2", opened_at=MIDNIGHT)]
    assert [entry.data for entry in store.open_entries("local")] == [b"3"]


def test_a_change_that_is_begun_again_replaces_what_was_open(store):
    store.open_journal("psu", [("job/a", b"1"), ("job/b", b"2")], MIDNIGHT)
    store.open_journal("psu", [("job/a", b"3")], MIDNIGHT + MINUTE)
    store.open_journal("psu", [], MIDNIGHT + MINUTE)
    assert [(entry.key, entry.data) for entry in store.open_entries("psu")] == [("job/a", b"3"), ("job/b", b"2")]

"""The engine's memory: durable before it is told, whole after a crash, bounded."""

import json
import os

import pytest
from support.engine import until

from reconciler.engine.book import Book
from reconciler.engine.journal import Journal, read_journal
from reconciler.engine.recall import boot_entry, recall
from reconciler.engine.seen import KEEP_SECONDS, Seen


@pytest.fixture
def folder_fd(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def journal(folder_fd):
    journal = Journal(folder_fd, folder_fd, wake=lambda: None)
    yield journal
    journal.close()


def synced(journal):
    done = []
    journal.sync(lambda: done.append(True))

    def is_done():
        journal.run_callbacks()
        return done

    until(is_done)


def test_what_is_written_is_read_back(journal, folder_fd):
    entries = [{"kind": "a", "text": "ü\n\0"}, {"kind": "b", "list": [1, None, 2.5]}]
    journal.write(entries)
    assert list(read_journal(folder_fd)) == entries


def test_what_is_to_be_durable_soon_after_something_else_becomes_so_together(journal, monkeypatch):
    monkeypatch.setattr("reconciler.engine.journal._REST_SECONDS", 0.5)
    synced(journal)
    syncs = []
    monkeypatch.setattr("os.fdatasync", syncs.append)
    for _ in range(5):
        journal.sync(lambda: None)
    synced(journal)
    assert len(syncs) == 1


def test_a_torn_or_damaged_line_is_left_out_and_the_others_count(journal, folder_fd, tmp_path):
    journal.write([{"number": number} for number in range(4)])
    lines = (tmp_path / "journal").read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"1}", b"7}")
    (tmp_path / "journal").write_bytes(b"".join(lines)[:-5])
    assert list(read_journal(folder_fd)) == [{"number": 0}, {"number": 2}]


def test_a_journal_written_anew_holds_what_it_was_given_and_goes_on(journal, folder_fd):
    journal.write([{"old": True}])
    synced(journal)
    journal.replace([{"kept": True}])
    journal.write([{"new": True}])
    synced(journal)
    assert list(read_journal(folder_fd)) == [{"kept": True}, {"new": True}]


def test_s7_what_could_not_be_made_durable_is_told_once_a_new_file_could(journal, folder_fd):
    told = []
    journal.problem = "journal: Input/output error"
    journal.sync(lambda: told.append("durable"))
    journal.sync(lambda: told.append("wrong"), on_failure=lambda: told.append("refused"))
    until(lambda: journal.run_callbacks() or journal.is_quiet)
    assert told == ["refused"]
    journal.replace([])
    assert (told, journal.problem) == (["refused", "durable"], "")


def test_a_link_in_the_journals_place_is_refused(tmp_path, folder_fd):
    (tmp_path / "journal").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic links"):
        Journal(folder_fd, folder_fd, wake=lambda: None)
    assert list(read_journal(folder_fd)) == []


def test_seen_uids_are_known_over_restarts_until_they_are_old(folder_fd):
    Seen(folder_fd).add({"a": 1_000, "b": 2_000_000}, now=2_000_000)
    seen = Seen(folder_fd)
    assert ("a" in seen, "b" in seen, "c" in seen) == (True, True, False)
    seen.add({"c": 2_000_001}, now=1_000 + KEEP_SECONDS)
    assert ("a" in seen, "b" in seen, "c" in seen) == (False, True, True)


def test_the_book_keeps_orders_over_supervisors_and_drops_the_others():
    book = Book()
    book.add([{"uid": "a", "secret": "x"}, {"uid": "b"}])
    assert book.read() == {"a": {"uid": "a", "secret": "x"}, "b": {"uid": "b"}}
    book.keep_only({"b"})
    book.add([{"uid": "c"}])
    assert set(book.read()) == {"b", "c"}


def test_the_book_becomes_large_and_small_again():
    book = Book()
    for number in range(50):
        book.add([{"uid": f"run-{number}", "script": "x" * 100_000}])
    assert book.is_large
    book.keep_only({"run-49"})
    assert not book.is_large
    assert set(book.read()) == {"run-49"}


def test_recall_makes_the_best_of_what_is_there():
    order = {
        "uid": "run", "tasks": [], "timeout_seconds": 5, "output_bytes": 1, "grace_seconds": 1, "drain_seconds": 1,
        "masks": [],
    }  # fmt: skip
    entries = [
        {"kind": "boot", "id": "this", "guardian": 7},
        {"kind": "accept", "uid": "run", "at": 1, "masked": False, "order": order},
        {"kind": "accept", "uid": "broken", "at": 9_000_000, "masked": False, "order": {"uid": "broken"}},
        {"kind": "start", "uid": "run", "task": 0, "at": 7, "mono": 10.0},
        {"kind": "start", "uid": "stranger", "task": 0},
        {"kind": "cancel", "uid": "run"},
        {"kind": "forget", "uids": ["gone"], "at": 5},
        json.loads("[]") or {},
    ]
    recalled = recall(entries, {}, boot_entry("this", 7))
    assert (list(recalled.runs), recalled.forgotten, recalled.is_same_boot) == (["run"], {"broken": 9, "gone": 5}, True)
    run = recalled.runs["run"]
    assert (run.started_at, run.deadline, run.cause, run.is_whole) == (7, 15.0, "cancelled", False)

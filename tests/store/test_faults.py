"""The storage faults of RELIABILITY section 2 S: each refused in one line with a way out, nothing acknowledged lost."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import DBAPIError
from support.store import MIDNIGHT, add_run, applied_of, finished, job_of, occurrence_of, open_at, receipt_of, run_of

from reconciler.model.errors import CouldNot, InternalError
from reconciler.model.forms import Kind
from reconciler.model.run import OutputRecord, RunStatus, Stream
from reconciler.store.records import RunFilter
from reconciler.store.sqlite import explain

KILLED_WRITER = """
import os, sys
from pathlib import Path
from support.store import add_run, open_at
store = open_at(Path(sys.argv[1]))
for number in range(10 ** 6):
    run = add_run(store, f"job-{number}", 2 * number + 10)
    os.write(1, f"{run.uid}\\n".encode())
"""

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def refused(match: str):
    with pytest.raises(CouldNot, match=match) as caught:
        yield
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def kill_a_writer(folder: Path, *, after: int = 30) -> list[str]:
    """Let a process commit runs and kill it with SIGKILL; return the uids it acknowledged."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", KILLED_WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        acknowledged = [writer.stdout.readline().strip() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
    return acknowledged


def output_of(size: int) -> OutputRecord:
    return OutputRecord("task", Stream.STDOUT, MIDNIGHT, b"x" * size)


def test_what_was_acknowledged_survives_kill_9(tmp_path):
    open_at(tmp_path).close()
    acknowledged = kill_a_writer(tmp_path)
    store = open_at(tmp_path)
    stored = {run.uid for run in store.runs(RunFilter(), limit=10**6)}
    store.close()
    assert len(acknowledged) >= 30
    assert set(acknowledged) <= stored


def test_s1_a_full_disk_writes_nothing_and_the_same_call_works_when_there_is_space(store):
    run = add_run(store, "a", 1)
    big = replace(finished(run), output=(output_of(1 << 20),))
    with limited_pages(store), refused("state.db: the disk is full; nothing was written"):
        store.finish_runs([big])
    assert store.active_runs() == [run]
    assert store.finish_runs([big]) == {run.uid}


@contextmanager
def limited_pages(store):
    with store._db.read() as tx:
        size = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count={size + 4}").scalar_one()
    yield
    with store._db.read() as tx:
        tx.connection.exec_driver_sql("PRAGMA max_page_count=1000000").scalar_one()


def test_s7_a_write_that_the_disk_refuses_is_not_acknowledged(store):
    run = add_run(store, "a", 1)
    with largest_file((store.path.parent / "state.db-wal").stat().st_size + 4096), refused("state.db: the disk failed"):
        store.finish_runs([replace(finished(run), output=(output_of(1 << 20),))])
    assert store.active_runs() == [run]
    assert store.finish_runs([finished(run)]) == {run.uid}


@contextmanager
def largest_file(size: int):
    """No file of this process may grow past ``size`` bytes: real writes that fail, without a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_s3_a_database_in_use_is_waited_for_and_then_named(tmp_path):
    store = open_at(tmp_path, busy_seconds=0.1)
    run = add_run(store, "a", 1)
    command = [sys.executable, "-c", HOLDER, str(store.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with refused(rf"state.db: the database is in use by process {holder.pid} \(\w+.*\) \(waited 0.1 s\)"):
            store.finish_runs([finished(run)])
        assert store.run(run.uid) == run
        holder.stdin.close()
    assert store.finish_runs([finished(run)]) == {run.uid}
    store.close()


@pytest.mark.parametrize("page", [1, 2, 5], ids=lambda page: f"page-{page}")
def test_s4_a_damaged_page_is_refused_by_the_check(tmp_path, page):
    store = open_at(tmp_path)
    store.record_applied([applied_of(job_of(f"job-{number}")) for number in range(300)], [])
    store.close()
    with (tmp_path / "state.db").open("r+b") as file:
        file.seek(page * 4096)
        file.write(os.urandom(4096))
    with refused(r"state.db: the database is damaged|the disk failed"):
        open_at(tmp_path).check()


def test_s4_a_damaged_header_is_refused_at_opening(tmp_path):
    open_at(tmp_path).close()
    with (tmp_path / "state.db").open("r+b") as file:
        file.write(b"\0" * 100)
    with refused("state.db: the database is damaged: file is not a database"):
        open_at(tmp_path)


def test_s4_a_truncated_file_is_refused(tmp_path):
    store = open_at(tmp_path)
    add_run(store, "a", 1)
    store.close()
    os.truncate(tmp_path / "state.db", 3 * 4096)
    with refused("state.db: the database is damaged"):
        open_at(tmp_path).check()


def test_s4_a_damaged_log_is_refused_since_its_commits_would_be_gone(tmp_path):
    open_at(tmp_path).close()
    kill_a_writer(tmp_path)
    with (tmp_path / "state.db-wal").open("r+b") as log:
        log.seek(32 + 3 * (4096 + 24) + 1000)
        log.write(b"damage")
    with refused(r"the database is older than it was: its last \d+ changes are missing"):
        open_at(tmp_path)


def test_a_sound_database_passes_the_check(store):
    add_run(store, "a", 1)
    store.check()


@pytest.mark.parametrize("name", ["state.db", "state.db-wal"])
def test_s5_a_file_deleted_under_us_stops_everything(store, name):
    store.record_applied([applied_of(job_of("a"))], [])
    (store.path.parent / name).unlink()
    occurrence = occurrence_of("a", 1)
    for action in (
        store.inventory,
        store.receipts,
        lambda: store.add_occurrence(occurrence, []),
        lambda: store.record_deleted("local", Kind.JOB, "a"),
    ):
        with refused(f"{name}: the file was removed or replaced while it was in use; nothing was done"):
            action()
    assert not (store.path.parent / "state.db").exists() or name != "state.db"


def test_s5_a_database_that_takes_the_place_of_ours_is_not_written_to(tmp_path):
    store = open_at(tmp_path)
    (tmp_path / "other").mkdir()
    other = open_at(tmp_path / "other")
    other.close()
    shutil.move(tmp_path / "other" / "state.db", tmp_path / "state.db")
    with refused("was removed or replaced"):
        add_run(store, "a", 1)
    store.close()


def test_s5_a_deleted_database_is_not_replaced_by_an_empty_one(tmp_path):
    store = open_at(tmp_path)
    run = run_of(occurrence_of("a", 1), 2)
    store.add_occurrence(occurrence_of("a", 1), [run], [receipt_of("once", run)])
    store.close()
    (tmp_path / "state.db").unlink()
    with refused("state.db: the database is missing or empty, but 1 changes were made to it"):
        open_at(tmp_path)
    assert not (tmp_path / "state.db").exists()
    (tmp_path / "state.db-witness").unlink()
    open_at(tmp_path).close()


def test_s6_a_log_removed_after_a_crash_is_missed(tmp_path):
    open_at(tmp_path).close()
    acknowledged = kill_a_writer(tmp_path)
    (tmp_path / "state.db-wal").unlink()
    (tmp_path / "state.db-shm").unlink()
    with refused(rf"its last {len(acknowledged)} changes are missing .was state.db-wal removed"):
        open_at(tmp_path)


def test_s6_shared_memory_removed_after_a_crash_is_made_anew(tmp_path):
    open_at(tmp_path).close()
    acknowledged = kill_a_writer(tmp_path)
    (tmp_path / "state.db-shm").unlink()
    store = open_at(tmp_path)
    assert len(store.runs(RunFilter(), limit=10**6)) >= len(acknowledged)
    store.close()


def test_s6_another_tool_that_looks_into_the_state_after_a_crash_does_no_harm(tmp_path):
    open_at(tmp_path).close()
    acknowledged = kill_a_writer(tmp_path)
    tool = sqlite3.connect(tmp_path / "state.db")
    assert tool.execute("SELECT count(*) FROM runs").fetchone()[0] >= len(acknowledged)
    tool.close()
    assert not (tmp_path / "state.db-wal").exists()
    open_at(tmp_path).close()


def test_s12_a_backup_in_the_place_of_the_state_is_noticed(tmp_path):
    store = open_at(tmp_path)
    add_run(store, "a", 1)
    store.close()
    shutil.copy(tmp_path / "state.db", tmp_path / "backup")
    store = open_at(tmp_path)
    add_run(store, "b", 3)
    store.close()
    shutil.copy(tmp_path / "backup", tmp_path / "state.db")
    with pytest.raises(CouldNot, match="its last 1 changes are missing") as caught:
        open_at(tmp_path)
    assert "reconciler restore FILE" in caught.value.hint
    assert "reconciler repair" in caught.value.hint


def test_a_state_of_another_repository_in_the_place_of_ours_is_noticed(tmp_path):
    open_at(tmp_path).close()
    (tmp_path / "state.db-witness").write_text("another-state 00000000000000000003\n")
    with refused("this is not the state that was used here before, but another one"):
        open_at(tmp_path)


def test_an_unreadable_witness_is_begun_anew(tmp_path):
    open_at(tmp_path).close()
    (tmp_path / "state.db-witness").write_bytes(b"\xff\xff")
    open_at(tmp_path).close()
    assert (tmp_path / "state.db-witness").read_text().endswith(f"{0:020d}\n")


def test_a_witness_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "state.db-witness").symlink_to(tmp_path / "elsewhere")
    with refused("state.db-witness: cannot write"):
        open_at(tmp_path)


def test_threads_share_a_store_and_each_has_its_own_transaction(store):
    def add(first: int) -> None:
        for number in range(first, first + 20):
            with store.transaction():
                run = add_run(store, f"job-{number}", 10 * number)
                store.claim_runs("local", owner="me", now=MIDNIGHT, limit=5)
            assert store.run(run.uid).status is RunStatus.QUEUED

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, (100, 200, 300, 400)))
    assert len(store.active_runs()) == 80


def test_work_that_changes_nothing_is_not_a_commit(store):
    witness = store.path.with_name("state.db-witness")
    before = witness.read_text()
    assert store.claim_runs("local", owner="me", now=MIDNIGHT, limit=9) == []
    assert witness.read_text() == before
    add_run(store, "a", 1)
    assert witness.read_text() > before


def test_an_error_in_a_transaction_undoes_all_of_it(store):
    def fail_half_way():
        with store.transaction():
            add_run(store, "a", 1)
            assert len(store.active_runs()) == 1
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert store.active_runs() == []
    with store.transaction():
        add_run(store, "a", 1)
        add_run(store, "b", 3)
    assert len(store.active_runs()) == 2


def test_a_run_without_its_occurrence_is_our_mistake_told_in_one_line(store):
    with pytest.raises(InternalError, match=r"state\.db: FOREIGN KEY constraint failed") as caught:
        store.settle([], [], [run_of(occurrence_of("a", 1), 2)])
    assert "report it" in caught.value.hint
    assert isinstance(caught.value.__cause__, DBAPIError)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(sqlite3.SQLITE_IOERR_FSYNC, "the disk failed", id="fsync"),
        pytest.param(sqlite3.SQLITE_BUSY_SNAPSHOT, "in use by another process", id="busy"),
        pytest.param(sqlite3.SQLITE_READONLY_DBMOVED, "cannot open or write the database", id="read-only"),
        pytest.param(sqlite3.SQLITE_CANTOPEN, "cannot open or write the database", id="cannot-open"),
        pytest.param(sqlite3.SQLITE_CORRUPT_INDEX, "the database is damaged", id="corrupt"),
    ],
)
def test_extended_codes_are_understood(tmp_path, code, expected):
    error = sqlite3.OperationalError("words of SQLite")
    error.sqlite_errorcode = code
    assert expected in str(explain(error, tmp_path / "state.db", busy_seconds=1))

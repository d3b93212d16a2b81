"""Copies of a state, and what is left of a damaged one."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from support.store import (
    MIDNIGHT,
    add_run,
    applied_of,
    finished,
    job_of,
    occurrence_of,
    open_at,
    receipt_of,
    run_of,
    schedule_of,
    uid_maker,
)

from reconciler.model.errors import CouldNot
from reconciler.store.backups import back_up, carry_over, look_into, prepared_backup, prepared_repair, put_in_place
from reconciler.store.records import RunFilter
from reconciler.store.schema import REVISION

RUNS = 60


@pytest.fixture
def filled(tmp_path):
    """A closed state with jobs, schedules, runs that ended, and a one-off that was started."""
    store = open_at(tmp_path)
    jobs = [f"job-{number}" for number in range(40)]
    store.record_applied([applied_of(job_of(job)) for job in jobs], [schedule_of(job, MIDNIGHT) for job in jobs])
    runs = [add_run(store, f"job-{number}", 10 * number) for number in range(RUNS)]
    store.finish_runs([finished(run) for run in runs])
    occurrence = occurrence_of("job-1", 5000, key="oneoff:once")
    run = run_of(occurrence, 5001)
    store.add_occurrence(occurrence, [run], [receipt_of("once", run)])
    store.close()
    return tmp_path / "state.db"


def repaired(path):
    """Repair the state at ``path``; return it open, and what was said of it."""
    with prepared_repair(path, new_uid=uid_maker(9000), now=MIDNIGHT) as (new, found):
        put_in_place(new, path, stamp="now")
    return open_at(path.parent), found


def test_a_backup_is_made_while_the_state_is_in_use_and_holds_all_that_was_acknowledged(tmp_path):
    with closing(open_at(tmp_path)) as store:
        add_run(store, "a", 1)
        state = back_up(store.path, tmp_path / "backups" / "one.db")
        add_run(store, "b", 3)
    assert (state.state_id, state.revision) == (store.state_id, REVISION)
    assert (tmp_path / "backups" / "one.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["one.db"]
    with closing(sqlite3.connect(tmp_path / "backups" / "one.db")) as copy:
        assert copy.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_a_backup_replaces_nothing(filled, tmp_path):
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(CouldNot, match="mine is there already; nothing was written"):
        back_up(filled, tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "kept"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no such file"),
        (b"", "not a sound state"),
        (b"SQLite format 3\0" + bytes(4080), "not a sound state"),
        (os.urandom(8192), "not a sound state"),
    ],
    ids=["missing", "empty", "hollow", "noise"],
)
def test_what_is_not_a_backup_is_not_restored(tmp_path, content, says):
    if content is not None:
        (tmp_path / "backup").write_bytes(content)
    with pytest.raises(CouldNot, match=f"{says}|cannot be read"), prepared_backup(tmp_path / "backup", tmp_path / "s"):
        pytest.fail("it was taken for one")


def test_a_backup_of_a_newer_version_is_not_restored(filled, tmp_path):
    with closing(sqlite3.connect(filled)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CouldNot, match="written by a newer reconciler"), prepared_backup(filled, tmp_path / "other"):
        pytest.fail("it was taken")


def test_a_restored_state_opens_and_the_one_before_is_kept(filled):
    backup = filled.with_name("backup")
    back_up(filled, backup)
    with closing(open_at(filled.parent)) as store:
        add_run(store, "later", 7000)
    with prepared_backup(backup, filled) as new:
        aside = put_in_place(new, filled, stamp="now")
    with closing(open_at(filled.parent)) as store:
        assert len(store.runs(RunFilter(), limit=999)) == RUNS + 1
    assert aside == filled.with_name("state.db-before-now")
    with closing(sqlite3.connect(aside)) as before:
        assert before.execute("SELECT count(*) FROM runs").fetchone() == (RUNS + 2,)


def test_a_restore_that_is_killed_before_its_end_can_be_made_again(filled):
    backup = filled.with_name("backup")
    back_up(filled, backup)
    with closing(open_at(filled.parent)) as store:
        add_run(store, "later", 7000)
    with prepared_backup(backup, filled):
        pass
    with closing(open_at(filled.parent)) as store:
        assert len(store.runs(RunFilter(), limit=999)) == RUNS + 2
    assert {path.name for path in filled.parent.iterdir()} == {"state.db", "state.db-witness", "backup"}


def test_what_the_state_before_had_started_is_carried_over(filled):
    backup = filled.with_name("backup")
    back_up(filled, backup)
    with closing(open_at(filled.parent)) as store:
        occurrence = occurrence_of("job-2", 6000, key="oneoff:twice")
        run = run_of(occurrence, 6001)
        store.add_occurrence(occurrence, [run], [receipt_of("twice", run)])
    with prepared_backup(backup, filled) as new:
        assert carry_over(filled, new)
        put_in_place(new, filled, stamp="now")
    with closing(open_at(filled.parent)) as store:
        assert [receipt.one_off_id for receipt in store.receipts()] == ["once", "twice"]


def test_nothing_is_carried_over_from_a_state_that_is_gone(filled):
    backup = filled.with_name("backup")
    back_up(filled, backup)
    filled.unlink()
    with prepared_backup(backup, filled) as new:
        assert not carry_over(filled, new)


def test_nothing_is_carried_over_from_a_state_of_another_version(filled):
    backup = filled.with_name("backup")
    back_up(filled, backup)
    with closing(sqlite3.connect(filled)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    with prepared_backup(backup, filled) as new:
        assert not carry_over(filled, new)


def test_a_repaired_state_knows_nothing_any_more_of_all_that_is_applied(filled):
    with closing(open_at(filled.parent)) as store:
        store.note_footing("all is well")
    store, _ = repaired(filled)
    with closing(store):
        assert store.footing() == ""


def test_s4_a_damaged_header_costs_nothing(filled):
    with filled.open("r+b") as file:
        file.write(bytes(100))
    store, found = repaired(filled)
    assert found.is_whole
    assert len(store.runs(RunFilter(), limit=999)) == RUNS + 1
    assert len(store.schedules()) == 40
    store.check()
    store.close()


def test_s4_whatever_page_is_damaged_the_rest_is_kept_and_the_loss_is_said(filled):
    sound = filled.read_bytes()
    whole = 0
    for page in range(1, len(sound) // 4096, 3):
        for leftover in filled.parent.glob("state.db*"):
            leftover.unlink()
        filled.write_bytes(sound[: page * 4096] + os.urandom(4096) + sound[(page + 1) * 4096 :])
        store, found = repaired(filled)
        store.check()
        runs = store.runs(RunFilter(), limit=999)
        assert len(runs) == RUNS + 1 or {"runs", "occurrences", "origins"} & found.lost.keys()
        assert len(store.schedules()) == 40 or "schedules" in found.lost
        assert len(store.inventory()) == 40 or {"inventory", "forms"} & found.lost.keys()
        whole += found.is_whole
        store.close()
    assert whole < len(sound) // 4096 // 3


@pytest.mark.parametrize("cut", ["missing", "empty", "noise"])
def test_s5_of_what_cannot_be_read_at_all_a_new_state_is_made_under_the_same_id(filled, cut):
    with closing(open_at(filled.parent)) as store:
        state_id = store.state_id
    if cut == "missing":
        filled.unlink()
    else:
        filled.write_bytes(b"" if cut == "empty" else os.urandom(10_000))
    store, found = repaired(filled)
    assert not found.is_readable
    assert store.state_id == state_id
    assert store.runs(RunFilter(), limit=9) == []
    store.close()


def test_a_damaged_state_of_another_version_is_left_to_that_version(filled):
    with closing(sqlite3.connect(filled)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(CouldNot, match=f"is at revision 0001, this program at {REVISION}"):
        repaired(filled)


def test_a_row_whose_counterpart_is_lost_goes_with_it(filled):
    with closing(sqlite3.connect(filled)) as database, database:
        database.execute("PRAGMA foreign_keys=OFF")
        database.execute("DELETE FROM occurrences WHERE job_id = 'job-3'")
    store, found = repaired(filled)
    assert len(store.runs(RunFilter(), limit=999)) == RUNS
    assert found.lost["runs"] == "1 rows that refer to what is lost"
    store.close()


def test_a_state_that_is_older_than_it_was_goes_on_after_a_repair(filled, tmp_path):
    shutil.copy(filled, tmp_path / "earlier")
    with closing(open_at(tmp_path)) as store:
        add_run(store, "later", 7000)
    shutil.copy(tmp_path / "earlier", filled)
    with pytest.raises(CouldNot, match="older than it was"):
        open_at(tmp_path)
    store, _ = repaired(filled)
    assert len(store.runs(RunFilter(), limit=999)) == RUNS + 1
    store.close()
    assert look_into(filled).state_id == store.state_id

"""Opening a state: made whole, found again, and refused where it cannot be trusted."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.store import MIDNIGHT, add_run, open_at, uid_maker

from reconciler.model.errors import CouldNot
from reconciler.store import holders
from reconciler.store.open import open_store
from reconciler.store.records import RunFilter


def refusal(folder: Path) -> CouldNot:
    with pytest.raises(CouldNot) as caught:
        open_at(folder)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def edit(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / "state.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_new_state_gets_its_folder_and_is_readable_by_its_owner_only(tmp_path):
    store = open_store(tmp_path / "a" / "b" / "state.db", new_uid=uid_maker(7), now=MIDNIGHT)
    assert store.state_id == uid_maker(7)()
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.iterdir()} == {0o600}
    assert sorted(path.name for path in store.path.parent.iterdir()) == [
        "state.db",
        "state.db-shm",
        "state.db-wal",
        "state.db-witness",
    ]
    store.close()


def test_a_state_keeps_its_id_and_content(tmp_path):
    store = open_at(tmp_path)
    run = add_run(store, "a", 1)
    store.close()
    again = open_store(tmp_path / "state.db", new_uid=uid_maker(99), now=MIDNIGHT)
    assert (again.state_id, again.run(run.uid)) == (store.state_id, run)
    again.close()


def test_a_state_is_durable_on_each_commit(store):
    with store._db.read() as tx:
        assert tx.connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert tx.connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert tx.connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_a_state_behind_a_link_is_the_same_state(tmp_path):
    store = open_at(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "state.db").symlink_to(tmp_path / "state.db")
    linked = open_at(tmp_path / "other")
    add_run(linked, "a", 1)
    assert len(store.runs(RunFilter(), limit=9)) == 1
    linked.close()
    store.close()


def test_a_file_that_is_not_a_database_is_called_damaged(tmp_path):
    (tmp_path / "state.db").write_bytes(b"not a database, however long it may be" * 200)
    error = refusal(tmp_path)
    assert f"{tmp_path}/state.db: the database is damaged: file is not a database" in str(error)
    assert "reconciler repair" in error.hint


def test_an_empty_file_is_called_damaged(tmp_path):
    (tmp_path / "state.db").touch()
    assert "the database is damaged: the file is empty" in str(refusal(tmp_path))


def test_a_database_of_another_program_is_left_alone(tmp_path):
    edit(tmp_path, "CREATE TABLE bookmarks (url TEXT)")
    before = (tmp_path / "state.db").read_bytes()[100:]
    assert "this is not a state of reconciler; its tables: bookmarks" in str(refusal(tmp_path))
    assert (tmp_path / "state.db").read_bytes()[100:] == before


def test_s11_a_newer_database_is_refused_and_not_touched(tmp_path):
    open_at(tmp_path).close()
    edit(tmp_path, "UPDATE alembic_version SET version_num = '0999'")
    edit(tmp_path, "UPDATE meta SET value = '7.1.0' WHERE key = 'program'")
    before = (tmp_path / "state.db").read_bytes()
    error = refusal(tmp_path)
    assert (
        "is at revision 0999, written by reconciler 7.1.0; this is reconciler 0.1.0, which knows revisions up to "
        in (str(error))
    )
    assert "Use reconciler 7.1.0" in error.hint
    assert (tmp_path / "state.db").read_bytes() == before


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    error = refusal(tmp_path / "file")
    assert str(error) == f"{tmp_path}/file: cannot create the state: File exists"


def test_a_folder_in_the_place_of_the_database_is_named(tmp_path):
    (tmp_path / "state.db").mkdir()
    assert f"{tmp_path}/state.db: cannot open or write the database" in str(refusal(tmp_path))


def as_a_user_without_rights(action):
    """Call ``action`` in a child that is not root; return the message of the CouldNot it raised."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            action()
        except CouldNot as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader, "rb") as answer:
        return answer.read().decode()


@pytest.fixture
def public_folder():
    """A folder that every user can reach, unlike ``tmp_path``."""
    folder = Path("/tmp") / f"reconciler-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_s8_a_folder_without_the_right_to_write_is_named(public_folder):
    public_folder.chmod(0o555)
    message = as_a_user_without_rights(lambda: open_at(public_folder))
    assert f"{public_folder}" in message
    assert "cannot create the state: Permission denied" in message


def test_a_database_without_the_right_to_write_is_named(public_folder):
    open_at(public_folder).close()
    (public_folder / "state.db").chmod(0o444)
    public_folder.chmod(0o555)
    message = as_a_user_without_rights(lambda: open_at(public_folder))
    assert message.startswith(f"{public_folder}/state.db: cannot open or write the database")


def test_a_database_that_may_not_even_be_read_is_named(public_folder):
    open_at(public_folder).close()
    (public_folder / "state.db").chmod(0o000)
    message = as_a_user_without_rights(lambda: open_at(public_folder))
    assert message.startswith(f"{public_folder}/state.db: cannot open or write the database")


def test_s9_a_network_file_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(holders, "_file_system", lambda folder: "nfs4")
    assert "the state cannot lie on a network file system (nfs4)" in str(refusal(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_file_system_of_a_folder_is_known_on_linux(tmp_path):
    assert holders._file_system(Path("/proc")) == "proc"
    assert holders._file_system(tmp_path / "missing") == ""


def test_importing_the_room_does_not_import_the_database_libraries(tmp_path):
    script = (
        "import reconciler.store, reconciler.store.records, sys; print([m for m in sys.modules if 'sqlalchemy' in m])"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


def test_a_state_at_the_head_opens_without_alembic(tmp_path):
    open_at(tmp_path).close()
    script = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from reconciler.store.open import open_store\n"
        f"open_store(Path({str(tmp_path / 'state.db')!r}), new_uid=str, now=datetime(2026, 1, 1, tzinfo=UTC)).close()\n"
        "print('alembic' in sys.modules, 'sqlalchemy.dialects.postgresql' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "False False"

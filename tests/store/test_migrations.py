"""Older databases are brought up in one transaction, after a copy; the tables are the same either way."""

import os
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from support.store import add_run, open_at

from reconciler.model.errors import CouldNot, InternalError
from reconciler.store.database import Database
from reconciler.store.migrate import SCRIPTS, bring_to_head
from reconciler.store.records import RunFilter
from reconciler.store.schema import REVISION
from reconciler.store.sqlite import open_engine

NEXT = "0999"


def scripts_with(folder: Path, upgrade: str) -> Path:
    """Return our migrations and one more, whose body is ``upgrade``."""
    scripts = folder / "scripts"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "r0999_next.py").write_text(
        "import os\nimport sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = {NEXT!r}\ndown_revision = {REVISION!r}\n\ndef upgrade():\n{upgrade}\n"
    )
    return scripts


def migrate(folder: Path, scripts: Path, head: str = NEXT) -> None:
    path = folder / "state.db"
    engine, file = open_engine(path, busy_seconds=0.1, create=lambda connection: None)
    database = Database(engine, file)
    try:
        bring_to_head(database, path, head=head, scripts=scripts)
    finally:
        database.close()


def ask(path: Path, question: str) -> list[tuple]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


CLAUSE_END = re.compile(r"\n|,(?![^(]*\))")
"""A line end, or a comma outside of brackets: a column that was added later stands on the line of the one before."""

ADD_COLUMN = """
    with op.batch_alter_table("runs", recreate="always") as runs:
        runs.add_column(sa.Column("colour", sa.Text(), server_default="blue"))
"""


@pytest.fixture
def old(tmp_path):
    """A folder with a state at our revision that has one run."""
    store = open_at(tmp_path)
    add_run(store, "a", 1)
    store.close()
    return tmp_path


def test_migrations_make_the_same_tables_as_a_new_state(tmp_path):
    open_at(tmp_path).close()
    upgrade(tmp_path / "grown.db", "head")
    assert shape_of(tmp_path / "grown.db") == shape_of(tmp_path / "state.db")


def upgrade(path: Path, revision: str) -> None:
    """Run Alembic itself on the database at ``path``, which need not exist."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def shape_of(path: Path) -> list[tuple[str, str, list[str]]]:
    """Return what the database consists of; the order of the clauses of a table does not matter."""
    rows = ask(path, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
    return [
        (kind, name, sorted("".join(clause.split()) for clause in CLAUSE_END.split(sql or "") if clause.strip()))
        for kind, name, sql in rows
    ]


def test_the_head_that_the_program_opens_without_alembic_is_the_head_of_the_migrations():
    assert ScriptDirectory(str(SCRIPTS)).get_heads() == [REVISION]


def test_an_older_database_is_migrated_with_its_content_and_a_copy_stays(old):
    migrate(old, scripts_with(old, ADD_COLUMN))
    assert ask(old / "state.db", "SELECT job_id, colour FROM runs") == [("a", "blue")]
    assert ask(old / "state.db", "SELECT version_num FROM alembic_version") == [(NEXT,)]
    assert ask(old / "state.db-before-0999", "SELECT version_num FROM alembic_version") == [(REVISION,)]
    assert ask(old / "state.db-before-0999", "SELECT job_id FROM runs") == [("a",)]
    assert ask(old / "state.db", "PRAGMA foreign_key_check") == []


def test_the_older_program_refuses_what_the_newer_one_migrated_and_reads_the_copy(old):
    migrate(old, scripts_with(old, ADD_COLUMN))
    with pytest.raises(CouldNot, match="revision 0999"):
        open_at(old)
    shutil.copy(old / "state.db-before-0999", old / "state.db")
    (old / "state.db-witness").unlink()
    store = open_at(old)
    assert [run.job_id for run in store.active_runs()] == ["a"]
    store.close()


def test_runs_of_the_first_tables_are_found_by_their_commit_afterwards(tmp_path):
    upgrade(tmp_path / "state.db", "0001")
    connection = sqlite3.connect(tmp_path / "state.db")
    connection.executescript(FIRST_ROWS)
    connection.close()
    store = open_at(tmp_path)
    assert [run.job_id for run in store.runs(RunFilter(commit="cc"), limit=9)] == ["a"]
    assert store.runs(RunFilter(commit="dd"), limit=9) == []
    store.close()


FIRST_ROWS = """
INSERT INTO meta VALUES ('state_id', 's'), ('program', '0.1.0');
INSERT INTO origins VALUES ('o', 'cccc', 'p', 'b', 'd', '', '');
INSERT INTO occurrences VALUES ('1', 'a', 'a', 'local', 'schedule', 'schedule:x', '2026-03-01T00:00:00.000Z', NULL, 1,
    '2026-03-01T00:00:00.000Z', 'pending', '', 'o');
INSERT INTO runs VALUES ('2', '1', 'a', 'a', 'local', 'local', 'here', '{"uid":"local","hostname":"here"}', 'schedule',
    'schedule:x', '2026-03-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z', 'o', 5, NULL,
    NULL, NULL, 1, 'created', '', NULL, '', '{}', NULL, NULL);
"""


def test_a_migration_that_fails_leaves_everything_as_it_was(old):
    before = ask(old / "state.db", "SELECT sql FROM sqlite_master ORDER BY name")
    with pytest.raises(ZeroDivisionError):
        migrate(old, scripts_with(old, ADD_COLUMN + "    1 / 0\n"))
    assert ask(old / "state.db", "SELECT sql FROM sqlite_master ORDER BY name") == before
    open_at(old).close()


def test_p8_a_process_killed_in_a_migration_leaves_the_old_tables(old):
    scripts = scripts_with(old, ADD_COLUMN + "    os._exit(9)\n")
    pid = os.fork()
    if pid == 0:
        try:
            migrate(old, scripts)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    store = open_at(old)
    assert [run.job_id for run in store.active_runs()] == ["a"]
    store.close()


def test_a_migration_that_leaves_rows_which_refer_to_nothing_is_undone(old):
    broken = scripts_with(old, "    op.execute(\"UPDATE runs SET occurrence_id = 'gone'\")")
    with pytest.raises(InternalError, match="left 1 rows that refer to nothing"):
        migrate(old, broken)
    open_at(old).close()


def test_a_backup_that_cannot_be_written_stops_the_migration(old):
    (old / "state.db-before-0999.part").mkdir()
    with pytest.raises(CouldNot, match=r"state\.db-before-0999\.part: cannot write the backup"):
        migrate(old, scripts_with(old, ADD_COLUMN))
    open_at(old).close()


def test_a_migration_waits_for_a_writer_only_so_long(old):
    writer = sqlite3.connect(old / "state.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(CouldNot, match="the database is in use by"):
        migrate(old, scripts_with(old, ADD_COLUMN))
    writer.close()


def test_a_database_that_another_process_migrated_meanwhile_is_left_alone(old):
    scripts = scripts_with(old, ADD_COLUMN)
    migrate(old, scripts)
    migrate(old, scripts)
    assert ask(old / "state.db", "SELECT version_num FROM alembic_version") == [(NEXT,)]

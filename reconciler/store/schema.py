"""The tables, their keys and the indexes behind each question; ``migrations`` brings an older database here.

What must be unique is unique here, so that two processes that race are told apart by the database, not by timing.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from reconciler.model.forms import Kind
from reconciler.model.job import Value
from reconciler.model.run import Device, Disposition, RunStatus, Stream, TaskResult, TriggerKind
from reconciler.store.columns import Instant, Json, Key, Word

REVISION = "0001"
"""The head of the migrations: a database that says so is opened without Alembic."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", Key, primary_key=True),
    Column("value", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Key, primary_key=True),
    Column("owner", Text, nullable=False),  # empty: released; the row stays, so that the token never falls
    Column("token", Integer, nullable=False),
    Column("acquired_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
)

passes = Table(
    "passes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("commit", Key, nullable=False),
    Column("tree_digest", Key, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("counts", Json(dict[str, int]), nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target", Key, nullable=False),
    Column("key", Key, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("opened_at", Instant, nullable=False),
    UniqueConstraint("target", "key"),
)

forms = Table(
    "forms",
    metadata,
    Column("digest", Key, primary_key=True),
    Column("kind", Word(Kind), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

inventory = Table(
    "inventory",
    metadata,
    Column("target", Key, primary_key=True),
    Column("kind", Word(Kind), primary_key=True),
    Column("root_id", Key, primary_key=True),
    Column("id", Key, nullable=False),
    Column("commit", Key, nullable=False),
    Column("path", Text, nullable=False),
    Column("blob", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("changed_in", Key, nullable=False),
    Column("repository", Text, nullable=False),
    Column("applied_at", Instant, nullable=False),
    UniqueConstraint("target", "kind", "id"),
    sqlite_with_rowid=False,
)

schedules = Table(
    "schedules",
    metadata,
    Column("target", Key, primary_key=True),
    Column("root_id", Key, primary_key=True),
    Column("job_id", Key, nullable=False),
    Column("anchor_at", Instant, nullable=False),
    Column("cursor_at", Instant, nullable=False),
    Column("next_at", Instant),
    sqlite_with_rowid=False,
)
Index(
    "schedules_due",
    schedules.c.next_at,
    sqlite_where=schedules.c.next_at.is_not(None),
    postgresql_where=schedules.c.next_at.is_not(None),
)

# Runs and occurrences name where their form came from by the hash of that origin: its six fields, some 260 bytes, are
# shared by all runs of a form, and no look-up is needed to insert one.
origins = Table(
    "origins",
    metadata,
    Column("id", Key, primary_key=True),
    Column("commit", Key, nullable=False),
    Column("path", Text, nullable=False),
    Column("blob", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("changed_in", Key, nullable=False),
    Column("repository", Text, nullable=False),
    Index("origins_of_commit", "commit"),
)

NOT_RUN = text("disposition <> 'run'")

occurrences = Table(
    "occurrences",
    metadata,
    Column("id", Key, primary_key=True),
    Column("root_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("target", Key, nullable=False),
    Column("trigger_kind", Word(TriggerKind), nullable=False),
    Column("trigger_key", Key, nullable=False),
    Column("scheduled_for", Instant, nullable=False),
    Column("last_instant", Instant),
    Column("count", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disposition", Word(Disposition), nullable=False),
    Column("reason", Text, nullable=False),
    Column("origin_id", Key, ForeignKey("origins.id"), nullable=False),
    CheckConstraint("count >= 1", name="count_is_positive"),
    UniqueConstraint("root_id", "target", "trigger_key"),
    Index("occurrences_by_time", "scheduled_for"),
    Index("occurrences_of_job", "root_id", "scheduled_for"),
    Index("occurrences_not_run", "scheduled_for", sqlite_where=NOT_RUN, postgresql_where=NOT_RUN),
)

ACTIVE = text("ended_at IS NULL")
TROUBLED = text("ended_at IS NOT NULL AND status <> 'completed'")

runs = Table(
    "runs",
    metadata,
    Column("uid", Key, primary_key=True),
    Column("occurrence_id", Key, ForeignKey("occurrences.id"), nullable=False),
    Column("root_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("target", Key, nullable=False),
    Column("device_uid", Key, nullable=False),
    Column("device_hostname", Key, nullable=False),
    Column("device", Json(Device), nullable=False),
    Column("trigger_kind", Word(TriggerKind), nullable=False),
    Column("trigger_key", Key, nullable=False),
    Column("scheduled_for", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("origin_id", Key, ForeignKey("origins.id"), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("queued_at", Instant),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("attempt", Integer, nullable=False),
    Column("status", Word(RunStatus), nullable=False),
    Column("reason", Text, nullable=False),
    Column("parent_uid", Key),
    Column("requested_by", Text, nullable=False),
    Column("variables", Json(dict[str, Value]), nullable=False),
    Column("handle", Text),
    Column("claimed_by", Text),
    UniqueConstraint("occurrence_id", "device_uid"),
    Index("runs_of_job", "job_id", "uid"),
    Index("runs_of_device", "device_uid", "uid"),
    Index("runs_of_origin", "origin_id"),
)
Index(
    "runs_active",
    runs.c.target,
    runs.c.status,
    runs.c.priority.desc(),
    runs.c.due_at,
    runs.c.uid,
    sqlite_where=ACTIVE,
    postgresql_where=ACTIVE,
)
Index("runs_troubled", runs.c.status, runs.c.uid, sqlite_where=TROUBLED, postgresql_where=TROUBLED)

receipts = Table(
    "receipts",
    metadata,
    Column("one_off_id", Key, primary_key=True),
    Column("target", Key, primary_key=True),
    Column("device_uid", Key, primary_key=True),
    Column("run_uid", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("at", Instant, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", Json(TaskResult), nullable=False),
)

output = Table(
    "output",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("task_id", Text, nullable=False),
    Column("stream", Word(Stream), nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

UNPUBLISHED = text("published_in IS NULL")

reports = Table(
    "reports",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("published_in", Key),
    Index("reports_unpublished", "run_uid", sqlite_where=UNPUBLISHED, postgresql_where=UNPUBLISHED),
)

late_results = Table(
    "late_results",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("status", Word(RunStatus), primary_key=True),
    Column("ended_at", Instant, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("started_at", Instant),
    Column("tasks", Json(tuple[TaskResult, ...]), nullable=False),
    Column("report", LargeBinary, nullable=False),
)

"""The tables, their keys and the indexes behind each question; ``migrations`` brings an older database here.

What must be unique is unique here, so that two processes that race are told apart by the database, not by timing.
Columns hold what a database knows everywhere: text, whole numbers, bytes; ``rows.py`` turns our values into these.
"""

from sqlalchemy import (
    Boolean,
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
    true,
)

REVISION = "0011"
"""The head of the migrations: a database that says so is opened without Alembic."""

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared byte by byte: ids, words, and instants as in model/instant.py (text order is time order)."""

metadata = MetaData()

# An index that SQLite keeps for some rows only is a whole one elsewhere: to name another dialect's word for it would
# import that dialect (30 ms).

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
    Column("acquired_at", Key, nullable=False),
    Column("until", Key, nullable=False),
)

passes = Table(
    "passes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("commit", Key, nullable=False),
    Column("tree_digest", Key, nullable=False),
    Column("started_at", Key, nullable=False),
    Column("finished_at", Key),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("counts", Text, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target", Key, nullable=False),
    Column("key", Key, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("opened_at", Key, nullable=False),
    UniqueConstraint("target", "key"),
)

forms = Table(
    "forms",
    metadata,
    Column("digest", Key, primary_key=True),
    Column("kind", Key, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

inventory = Table(
    "inventory",
    metadata,
    Column("target", Key, primary_key=True),
    Column("kind", Key, primary_key=True),
    Column("root_id", Key, primary_key=True),
    Column("id", Key, nullable=False),
    Column("commit", Key, nullable=False),
    Column("path", Text, nullable=False),
    Column("blob", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("changed_in", Key, nullable=False),
    Column("repository", Text, nullable=False),
    Column("applied_at", Key, nullable=False),
    Column("retired_at", Key),
    UniqueConstraint("target", "kind", "id"),
    sqlite_with_rowid=False,
)

# Not a foreign key: that would add a fifth to the time of a large apply, and forms go in with what refers to them.
FORM_OF = (forms.c.kind == inventory.c.kind) & (forms.c.digest == inventory.c.digest)

schedules = Table(
    "schedules",
    metadata,
    Column("target", Key, primary_key=True),
    Column("root_id", Key, primary_key=True),
    Column("job_id", Key, nullable=False),
    Column("anchor_at", Key, nullable=False),
    Column("cursor_at", Key, nullable=False),
    Column("next_at", Key),
    sqlite_with_rowid=False,
)
Index(
    "schedules_due",
    schedules.c.next_at,
    sqlite_where=schedules.c.next_at.is_not(None),
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

ONE_OFF = text("trigger_key >= 'oneoff:' AND trigger_key < 'oneoff;'")
NOT_RUN = text("disposition <> 'run'")

occurrences = Table(
    "occurrences",
    metadata,
    Column("id", Key, primary_key=True),
    Column("root_id", Key, nullable=False),
    Column("job_id", Key, nullable=False),
    Column("target", Key, nullable=False),
    Column("trigger_kind", Key, nullable=False),
    Column("trigger_key", Key, nullable=False),
    Column("scheduled_for", Key, nullable=False),
    Column("last_instant", Key),
    Column("count", Integer, nullable=False),
    Column("created_at", Key, nullable=False),
    Column("disposition", Key, nullable=False),
    Column("reason", Text, nullable=False),
    Column("origin_id", Key, ForeignKey("origins.id"), nullable=False),
    CheckConstraint("count >= 1", name="count_is_positive"),
    UniqueConstraint("root_id", "target", "trigger_key"),
    Index("occurrences_by_time", "scheduled_for"),
    Index("occurrences_of_job", "root_id", "scheduled_for"),
    Index("occurrences_of_origin", "origin_id"),
    Index("occurrences_not_run", "scheduled_for", sqlite_where=NOT_RUN),
    Index("occurrences_one_off", "trigger_key", "target", sqlite_where=ONE_OFF),
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
    Column("device", Text, nullable=False),
    Column("trigger_kind", Key, nullable=False),
    Column("trigger_key", Key, nullable=False),
    Column("scheduled_for", Key, nullable=False),
    Column("due_at", Key, nullable=False),
    Column("created_at", Key, nullable=False),
    Column("origin_id", Key, ForeignKey("origins.id"), nullable=False),
    Column("commit", Key, nullable=False, server_default=""),  # the origin's, once more, for its index
    Column("priority", Integer, nullable=False),
    Column("queued_at", Key),
    Column("started_at", Key),
    Column("ended_at", Key),
    Column("attempt", Integer, nullable=False),
    Column("status", Key, nullable=False),
    Column("reason", Text, nullable=False),
    Column("parent_uid", Key),
    Column("requested_by", Text, nullable=False),
    Column("variables", Text, nullable=False),
    Column("handle", Text),
    Column("claimed_by", Text),
    Column("is_exclusive", Boolean, nullable=False, server_default=true()),
    Column("cancel_requested_at", Key),
    Column("concurrency_key", Key),
    Column("concurrency_max", Integer),
    Column("device_site", Key, nullable=False, server_default=""),
    Column("event", Text),
    Column("refusal", Text),
    Column("question", Text),
    Column("start_after", Key),
    UniqueConstraint("occurrence_id", "device_uid"),
    Index("runs_of_job", "job_id", "uid"),
    Index("runs_of_device", "device_uid", "uid"),
    Index("runs_of_commit", "commit", "uid"),
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
)
Index("runs_troubled", runs.c.status, runs.c.uid, sqlite_where=TROUBLED)

ACTIVE_KEY = text("ended_at IS NULL AND concurrency_key IS NOT NULL")
CHILD = text("parent_uid IS NOT NULL")
ON_SITE = text("device_site <> ''")

Index("runs_of_key", runs.c.concurrency_key, sqlite_where=ACTIVE_KEY)
Index("runs_of_parent", runs.c.parent_uid, sqlite_where=CHILD)
Index("runs_of_site", runs.c.device_site, runs.c.uid, sqlite_where=ON_SITE)
Index("runs_under_way", runs.c.root_id, runs.c.target, runs.c.device_uid, sqlite_where=ACTIVE)

holds = Table(
    "holds",
    metadata,
    Column("root_id", Key, primary_key=True),
    Column("job_id", Key, nullable=False),
    Column("at", Key, nullable=False),
    Column("until", Key),
    Column("reason", Text, nullable=False),
    Column("held_by", Text, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("one_off_id", Key, primary_key=True),
    Column("target", Key, primary_key=True),
    Column("device_uid", Key, primary_key=True),
    Column("run_uid", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("at", Key, nullable=False),
)

PENDING = text("settled_at IS NULL")

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("source", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("type", Key, nullable=False),
    Column("device", Key, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", Key, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("remaining", Text),  # the jobs it has still to reach; empty until it reached the first
    Column("settled_at", Key),
    Column("outcome", Text, nullable=False),
    UniqueConstraint("source", "id"),
    Index("events_pending", "seq", sqlite_where=PENDING),
)

# Which applied jobs an event of a type is for, so that one event costs no look at every job.
event_jobs = Table(
    "event_jobs",
    metadata,
    Column("event_type", Key, primary_key=True),
    Column("target", Key, primary_key=True),
    Column("root_id", Key, primary_key=True),
    Index("event_jobs_of_job", "target", "root_id"),
    sqlite_with_rowid=False,
)

tasks = Table(
    "tasks",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", Text, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("status", Key, nullable=False),
    Column("reason", Text, nullable=False),
    Column("started_at", Key),
    Column("ended_at", Key, nullable=False),
    Column("tasks", Text, nullable=False),
)

output = Table(
    "output",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("task_id", Text, nullable=False),
    Column("stream", Key, nullable=False),
    Column("at", Key, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

attempt_output = Table(
    "attempt_output",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("task_id", Text, nullable=False),
    Column("stream", Key, nullable=False),
    Column("at", Key, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

UNPUBLISHED = text("published_in IS NULL")

reports = Table(
    "reports",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("published_in", Key),
    Index("reports_unpublished", "run_uid", sqlite_where=UNPUBLISHED),
)

late_results = Table(
    "late_results",
    metadata,
    Column("run_uid", Key, ForeignKey("runs.uid"), primary_key=True),
    Column("status", Key, primary_key=True),
    Column("ended_at", Key, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("started_at", Key),
    Column("tasks", Text, nullable=False),
    Column("report", LargeBinary, nullable=False),
)

"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "forms",
        sa.Column("digest", Key, nullable=False),
        sa.Column("kind", Key, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "kind"),
    )
    op.create_table(
        "inventory",
        sa.Column("target", Key, nullable=False),
        sa.Column("kind", Key, nullable=False),
        sa.Column("root_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("commit", Key, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("blob", Key, nullable=False),
        sa.Column("digest", Key, nullable=False),
        sa.Column("changed_in", Key, nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.Column("applied_at", Key, nullable=False),
        sa.PrimaryKeyConstraint("target", "kind", "root_id"),
        sa.UniqueConstraint("target", "kind", "id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("target", Key, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", Key, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("target", "key"),
    )
    op.create_table(
        "leases",
        sa.Column("name", Key, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("acquired_at", Key, nullable=False),
        sa.Column("until", Key, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "meta",
        sa.Column("key", Key, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "origins",
        sa.Column("id", Key, nullable=False),
        sa.Column("commit", Key, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("blob", Key, nullable=False),
        sa.Column("digest", Key, nullable=False),
        sa.Column("changed_in", Key, nullable=False),
        sa.Column("repository", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("origins_of_commit", "origins", ["commit"], unique=False)
    op.create_table(
        "passes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("commit", Key, nullable=False),
        sa.Column("tree_digest", Key, nullable=False),
        sa.Column("started_at", Key, nullable=False),
        sa.Column("finished_at", Key, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "receipts",
        sa.Column("one_off_id", Key, nullable=False),
        sa.Column("target", Key, nullable=False),
        sa.Column("device_uid", Key, nullable=False),
        sa.Column("run_uid", Key, nullable=False),
        sa.Column("digest", Key, nullable=False),
        sa.Column("at", Key, nullable=False),
        sa.PrimaryKeyConstraint("one_off_id", "target", "device_uid"),
    )
    op.create_table(
        "schedules",
        sa.Column("target", Key, nullable=False),
        sa.Column("root_id", Key, nullable=False),
        sa.Column("job_id", Key, nullable=False),
        sa.Column("anchor_at", Key, nullable=False),
        sa.Column("cursor_at", Key, nullable=False),
        sa.Column("next_at", Key, nullable=True),
        sa.PrimaryKeyConstraint("target", "root_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "schedules_due", "schedules", ["next_at"], unique=False, sqlite_where=sa.text("next_at IS NOT NULL")
    )
    op.create_table(
        "occurrences",
        sa.Column("id", Key, nullable=False),
        sa.Column("root_id", Key, nullable=False),
        sa.Column("job_id", Key, nullable=False),
        sa.Column("target", Key, nullable=False),
        sa.Column("trigger_kind", Key, nullable=False),
        sa.Column("trigger_key", Key, nullable=False),
        sa.Column("scheduled_for", Key, nullable=False),
        sa.Column("last_instant", Key, nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("created_at", Key, nullable=False),
        sa.Column("disposition", Key, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("origin_id", Key, nullable=False),
        sa.CheckConstraint("count >= 1", name="count_is_positive"),
        sa.ForeignKeyConstraint(
            ["origin_id"],
            ["origins.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("root_id", "target", "trigger_key"),
    )
    op.create_index("occurrences_by_time", "occurrences", ["scheduled_for"], unique=False)
    op.create_index(
        "occurrences_not_run",
        "occurrences",
        ["scheduled_for"],
        unique=False,
        sqlite_where=sa.text("disposition <> 'run'"),
    )
    op.create_index("occurrences_of_job", "occurrences", ["root_id", "scheduled_for"], unique=False)
    op.create_table(
        "runs",
        sa.Column("uid", Key, nullable=False),
        sa.Column("occurrence_id", Key, nullable=False),
        sa.Column("root_id", Key, nullable=False),
        sa.Column("job_id", Key, nullable=False),
        sa.Column("target", Key, nullable=False),
        sa.Column("device_uid", Key, nullable=False),
        sa.Column("device_hostname", Key, nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("trigger_kind", Key, nullable=False),
        sa.Column("trigger_key", Key, nullable=False),
        sa.Column("scheduled_for", Key, nullable=False),
        sa.Column("due_at", Key, nullable=False),
        sa.Column("created_at", Key, nullable=False),
        sa.Column("origin_id", Key, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("queued_at", Key, nullable=True),
        sa.Column("started_at", Key, nullable=True),
        sa.Column("ended_at", Key, nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parent_uid", Key, nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("variables", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["occurrence_id"],
            ["occurrences.id"],
        ),
        sa.ForeignKeyConstraint(
            ["origin_id"],
            ["origins.id"],
        ),
        sa.PrimaryKeyConstraint("uid"),
        sa.UniqueConstraint("occurrence_id", "device_uid"),
    )
    op.create_index(
        "runs_active",
        "runs",
        ["target", "status", sa.literal_column("priority DESC"), "due_at", "uid"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("runs_of_device", "runs", ["device_uid", "uid"], unique=False)
    op.create_index("runs_of_job", "runs", ["job_id", "uid"], unique=False)
    op.create_index("runs_of_origin", "runs", ["origin_id"], unique=False)
    op.create_index(
        "runs_troubled",
        "runs",
        ["status", "uid"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NOT NULL AND status <> 'completed'"),
    )
    op.create_table(
        "late_results",
        sa.Column("run_uid", Key, nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("ended_at", Key, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", Key, nullable=True),
        sa.Column("tasks", sa.Text(), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_uid"],
            ["runs.uid"],
        ),
        sa.PrimaryKeyConstraint("run_uid", "status", "ended_at"),
    )
    op.create_table(
        "output",
        sa.Column("run_uid", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("stream", Key, nullable=False),
        sa.Column("at", Key, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_uid"],
            ["runs.uid"],
        ),
        sa.PrimaryKeyConstraint("run_uid", "position"),
    )
    op.create_table(
        "reports",
        sa.Column("run_uid", Key, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("published_in", Key, nullable=True),
        sa.ForeignKeyConstraint(
            ["run_uid"],
            ["runs.uid"],
        ),
        sa.PrimaryKeyConstraint("run_uid"),
    )
    op.create_index(
        "reports_unpublished", "reports", ["run_uid"], unique=False, sqlite_where=sa.text("published_in IS NULL")
    )
    op.create_table(
        "tasks",
        sa.Column("run_uid", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_uid"],
            ["runs.uid"],
        ),
        sa.PrimaryKeyConstraint("run_uid", "position"),
    )

"""Paused jobs, and runs that are not started beside another of their job."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("runs", sa.Column("is_exclusive", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_index(
        "runs_under_way",
        "runs",
        ["root_id", "target", "device_uid"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "occurrences_one_off",
        "occurrences",
        ["trigger_key", "target"],
        unique=False,
        sqlite_where=sa.text("trigger_key >= 'oneoff:' AND trigger_key < 'oneoff;'"),
    )
    op.create_table(
        "holds",
        sa.Column("root_id", Key, nullable=False),
        sa.Column("job_id", Key, nullable=False),
        sa.Column("at", Key, nullable=False),
        sa.Column("until", Key, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("root_id"),
    )

"""Attempts that a run made before its last, the event that started it, and why one is not started."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("runs", sa.Column("event", sa.Text()))
    op.add_column("runs", sa.Column("refusal", sa.Text()))
    op.create_table(
        "attempts",
        sa.Column("run_uid", Key, sa.ForeignKey("runs.uid"), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", Key, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", Key, nullable=True),
        sa.Column("ended_at", Key, nullable=False),
        sa.Column("tasks", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_uid", "attempt"),
    )

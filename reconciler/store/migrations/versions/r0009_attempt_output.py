"""What attempts before the last wrote; and what tells which origins nothing names any more."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "attempt_output",
        sa.Column("run_uid", Key, sa.ForeignKey("runs.uid"), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("stream", Key, nullable=False),
        sa.Column("at", Key, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_uid", "attempt", "position"),
    )
    op.create_index("runs_of_origin", "runs", ["origin_id"])
    op.create_index("occurrences_of_origin", "occurrences", ["origin_id"])

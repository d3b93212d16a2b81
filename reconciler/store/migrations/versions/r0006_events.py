"""Events, what became of them, and which applied jobs they are for."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("source", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("type", Key, nullable=False),
        sa.Column("device", Key, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("at", Key, nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("remaining", sa.Text()),
        sa.Column("settled_at", Key),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("source", "id"),
    )
    op.create_index("events_pending", "events", ["seq"], unique=False, sqlite_where=sa.text("settled_at IS NULL"))
    event_jobs = op.create_table(
        "event_jobs",
        sa.Column("event_type", Key, nullable=False),
        sa.Column("target", Key, nullable=False),
        sa.Column("root_id", Key, nullable=False),
        sa.PrimaryKeyConstraint("event_type", "target", "root_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("event_jobs_of_job", "event_jobs", ["target", "root_id"], unique=False)
    connection = op.get_bind()
    jobs = connection.execute(
        sa.text(
            "SELECT inventory.target, inventory.root_id, forms.data FROM inventory JOIN forms"
            " ON forms.kind = inventory.kind AND forms.digest = inventory.digest WHERE inventory.kind = 'job'"
        )
    )
    for target, root_id, data in jobs.all():
        for event_type in sorted({trigger["eventType"] for trigger in json.loads(data).get("events", ())}):
            row = {"event_type": event_type, "target": target, "root_id": root_id}
            connection.execute(event_jobs.insert(), row)

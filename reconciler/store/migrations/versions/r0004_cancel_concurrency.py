"""Runs that are to be cancelled, runs that share a limit, and the runs of a site or of a parent."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("runs", sa.Column("cancel_requested_at", Key))
    op.add_column("runs", sa.Column("concurrency_key", Key))
    op.add_column("runs", sa.Column("concurrency_max", sa.Integer()))
    op.add_column("runs", sa.Column("device_site", Key, nullable=False, server_default=""))
    connection = op.get_bind()
    for (device,) in connection.execute(sa.text("SELECT DISTINCT device FROM runs")).all():
        if site := json.loads(device).get("site"):
            connection.execute(
                sa.text("UPDATE runs SET device_site = :site WHERE device = :device"), {"site": site, "device": device}
            )
    op.create_index(
        "runs_of_key",
        "runs",
        ["concurrency_key"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL AND concurrency_key IS NOT NULL"),
    )
    op.create_index(
        "runs_of_parent", "runs", ["parent_uid"], unique=False, sqlite_where=sa.text("parent_uid IS NOT NULL")
    )
    op.create_index(
        "runs_of_site", "runs", ["device_site", "uid"], unique=False, sqlite_where=sa.text("device_site <> ''")
    )

"""Runs by their commit, newest first."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("runs", sa.Column("commit", Key, nullable=False, server_default=""))
    op.execute('UPDATE runs SET "commit" = (SELECT origins."commit" FROM origins WHERE origins.id = runs.origin_id)')
    op.drop_index("runs_of_origin", "runs")
    op.create_index("runs_of_commit", "runs", ["commit", "uid"], unique=False)

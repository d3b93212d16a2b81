"""Since when a job that is no longer declared is disabled, to be removed after a while."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("inventory", sa.Column("retired_at", Key))

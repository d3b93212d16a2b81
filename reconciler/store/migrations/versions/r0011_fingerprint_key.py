"""A key of this state's own, by which values of secrets are told apart without being kept."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

META = sa.table("meta", sa.column("key"), sa.column("value"))
NAME = "fingerprint_key"


def upgrade() -> None:
    known = op.get_bind().execute(sa.select(META.c.key).where(META.c.key == NAME)).first()
    if known is None:  # what was written with another key could not be told from what was not
        op.bulk_insert(META, [{"key": NAME, "value": secrets.token_hex(32)}])

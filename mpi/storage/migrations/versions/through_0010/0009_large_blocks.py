"""Add the queue of large blocks and of records whose search waits."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "large_block",
        sa.Column("config_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("key", _BIG, autoincrement=False, nullable=False),
        sa.Column("records", _BIG, nullable=False),
        sa.Column("first_commit", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("config_id", "key"),
    )
    op.create_table(
        "pending",
        sa.Column("record_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("since_commit", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )


def downgrade() -> None:
    op.drop_table("pending")
    op.drop_table("large_block")

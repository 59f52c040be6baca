"""Store the blocking keys that too many records hold to bring pairs."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "purged_block",
        sa.Column("config_id", BigInt, primary_key=True, autoincrement=False),
        sa.Column("key", BigInt, primary_key=True, autoincrement=False),
        sa.Column("first_commit", BigInt, nullable=False),
        sa.Column("awaits_check", BigInt, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_purged_block_awaits_check", "purged_block", ["config_id", "awaits_check"])


def downgrade() -> None:
    op.drop_table("purged_block")

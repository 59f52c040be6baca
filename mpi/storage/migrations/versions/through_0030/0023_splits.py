"""Store splits, moved clients and accounts, and former IDs."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "split",
        sa.Column("id", BigInt, primary_key=True, autoincrement=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("planned_commit", BigInt, nullable=False),
        sa.Column("approved_commit", BigInt, nullable=True),
        sa.Column("state_commit", BigInt, nullable=False),
    )
    op.create_index("ix_split_scope", "split", ["scope"])
    op.create_table(
        "moved_login",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("split_id", BigInt, sa.ForeignKey("split.id"), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "former_id",
        sa.Column("eid", sa.Text(), primary_key=True),
        sa.Column("record_id", BigInt, sa.ForeignKey("record.id"), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_former_id_record_id", "former_id", ["record_id"])
    op.create_table(
        "id_map",
        sa.Column("client", sa.Text(), primary_key=True),
        sa.Column("given_commit", BigInt, nullable=False),
    )


def downgrade() -> None:
    for table in ("id_map", "former_id", "moved_login", "split"):
        op.drop_table(table)

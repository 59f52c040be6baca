"""Store scopes, and the changes that the shared index follows."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scope",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_commit", BigInt, nullable=False),
        sa.Column("read_commit", BigInt, nullable=False),
        sa.Column("read_item", BigInt, nullable=False),
        sa.Column("read_number", BigInt, nullable=False),
        sa.Column("read_at", sa.Text(), nullable=True),
    )
    op.create_table(
        "change",
        sa.Column("commit_no", BigInt, primary_key=True, autoincrement=False),
        sa.Column("item", BigInt, primary_key=True, autoincrement=False),
        sa.Column("number", BigInt, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "copy",
        sa.Column("scope", sa.Text(), primary_key=True),
        sa.Column("item", BigInt, primary_key=True, autoincrement=False),
        sa.Column("own_number", BigInt, primary_key=True, autoincrement=False),
        sa.Column("number", BigInt, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_copy_number", "copy", ["scope", "item", "number"], unique=True)
    op.add_column("source", sa.Column("scope", sa.Text(), nullable=True))
    op.add_column("index_info", sa.Column("scope", sa.Text(), nullable=False, server_default="shared"))


def downgrade() -> None:
    op.drop_column("index_info", "scope")
    op.drop_column("source", "scope")
    for table in ("copy", "change", "scope"):
        op.drop_table(table)

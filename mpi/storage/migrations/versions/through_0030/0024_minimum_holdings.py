"""Store which records of a source the index holds."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("source", sa.Column("holdings", sa.Text(), nullable=False, server_default="all"))
    op.create_table(
        "holdings_run",
        sa.Column("id", BigInt, primary_key=True, autoincrement=False),
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), nullable=False),
        sa.Column("batch_id", BigInt, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("requested_commit", BigInt, nullable=False),
        sa.Column("approved_commit", BigInt, nullable=True),
        sa.Column("ended_commit", BigInt, nullable=True),
        sa.Column("surplus", BigInt, nullable=False),
        sa.Column("rows", BigInt, nullable=False),
        sa.Column("records", BigInt, nullable=False),
        sa.Column("seal", sa.Text(), nullable=True),
    )
    op.create_index("ix_holdings_run_source_id", "holdings_run", ["source_id"])
    op.create_table(
        "pupil_tokens",
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), primary_key=True, autoincrement=False),
        sa.Column("pupil", BigInt, primary_key=True, autoincrement=False),
        sa.Column("tokens", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("pupil_tokens")
    op.drop_table("holdings_run")
    op.drop_column("source", "holdings")

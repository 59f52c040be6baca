"""Store orders to seal and expunge, requests to unseal, and tombstones."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "boundary_order",
        sa.Column("no", BigInt, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("record_id", BigInt, sa.ForeignKey("record.id"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("commit_no", BigInt, nullable=False),
        sa.Column("from_commit", BigInt, nullable=True),
    )
    op.create_index("ix_boundary_order_record", "boundary_order", ["record_id"])
    op.create_table(
        "unseal_request",
        sa.Column("id", BigInt, primary_key=True, autoincrement=False),
        sa.Column("record_id", BigInt, sa.ForeignKey("record.id"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("asked_commit", BigInt, nullable=False),
        sa.Column("answered_commit", BigInt, nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
    )
    op.create_index("ix_unseal_request_record", "unseal_request", ["record_id"])
    op.create_table(
        "tombstone",
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), primary_key=True, autoincrement=False),
        sa.Column("token", sa.Text(), primary_key=True),
        sa.Column("record_id", BigInt, sa.ForeignKey("record.id"), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tombstone_record", "tombstone", ["record_id"])
    op.create_table(
        "expunge_certificate",
        sa.Column("no", BigInt, primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("commit_no", BigInt, nullable=False),
    )


def downgrade() -> None:
    for table in ("expunge_certificate", "tombstone", "unseal_request", "boundary_order"):
        op.drop_table(table)
    # An upgrade would count on, and the index would lack the orders before.
    op.execute(
        "DELETE FROM counter WHERE name IN ('boundary_order', 'unseal_request', 'expunge_certificate')"
    )

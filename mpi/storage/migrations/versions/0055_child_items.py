"""Store items of children in care."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "child_item",
        sa.Column(
            "record_id",
            BigInt,
            sa.ForeignKey("record.id"),
            primary_key=True,
            nullable=False,
            autoincrement=False,
        ),
        sa.Column("kind", sa.Text(), primary_key=True, nullable=False),
        sa.Column("from_commit", BigInt, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("to_commit", BigInt, nullable=True),
        sa.Column("as_of", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("child_item")

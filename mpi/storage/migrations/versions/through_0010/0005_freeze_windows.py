"""Add freeze windows, in which decisions about a source's records wait."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "freeze_window",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("source_id", _BIG, nullable=False),
        sa.Column("begins_on", sa.Text(), nullable=False),
        sa.Column("ends_on", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_commit", _BIG, nullable=False),
        sa.Column("ended_commit", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_freeze_window_source_id", "freeze_window", ["source_id"])


def downgrade() -> None:
    op.drop_table("freeze_window")

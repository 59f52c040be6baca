"""Store which files of another system's folder were pulled."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

_TEXTS = ("digest", "status", "pulled_at")
_NUMBERS = ("size", "modified")


def upgrade() -> None:
    op.create_table(
        "pulled_file",
        sa.Column(
            "source_id",
            BigInt,
            sa.ForeignKey("source.id"),
            primary_key=True,
            nullable=False,
            autoincrement=False,
        ),
        sa.Column("file_token", sa.Text(), primary_key=True, nullable=False),
        *(sa.Column(name, BigInt, nullable=False) for name in _NUMBERS),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
    )


def downgrade() -> None:
    op.drop_table("pulled_file")

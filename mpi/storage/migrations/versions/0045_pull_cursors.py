"""Store where the next pull of a source from another system begins."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_TEXTS = ("connection", "counts", "worker", "beat")
_OPTIONAL_TEXTS = ("cursor", "pulled_at", "full_at")


def upgrade() -> None:
    op.create_table(
        "pull_cursor",
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), primary_key=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        *(sa.Column(name, sa.Text(), nullable=True) for name in _OPTIONAL_TEXTS),
    )


def downgrade() -> None:
    op.drop_table("pull_cursor")

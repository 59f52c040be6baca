"""Store frozen reports on children."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report_snapshot",
        sa.Column("code", sa.Text(), primary_key=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("request", "made_by", "known_on")),
        sa.Column("commit_no", BigInt, nullable=False),
        sa.Column("education_digest", sa.Text(), nullable=True),
        sa.Column("open_records", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("report_snapshot")

"""Store terms, extracts and attested destruction of research projects."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "research_step",
        sa.Column("code", sa.Text(), primary_key=True, nullable=False),
        sa.Column("commit_no", BigInt, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("research_step")

"""Store published reports on children."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report_release",
        sa.Column("number", BigInt, primary_key=True, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("day", "request", "made_by", "cells", "reports")
        ),
    )


def downgrade() -> None:
    op.drop_table("report_release")

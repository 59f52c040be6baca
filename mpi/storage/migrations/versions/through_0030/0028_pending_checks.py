"""Store what a record with a provisional enterprise ID waits for."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pending", sa.Column("awaits", BigInt, nullable=False, server_default="1"))


def downgrade() -> None:
    op.execute("DELETE FROM pending WHERE awaits = 2")
    op.drop_column("pending", "awaits")

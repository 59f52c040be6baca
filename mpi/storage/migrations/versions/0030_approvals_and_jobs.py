"""Store who passed a question on, and jobs in the background."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import Text

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("task_work", sa.Column("escalated_by", Text, nullable=True))


def downgrade() -> None:
    op.drop_column("task_work", "escalated_by")

"""Let a saved view of the review queue be shared."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("saved_view", sa.Column("shared_with", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("saved_view", "shared_with")

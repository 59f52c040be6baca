"""Store where a sign-in began."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sign_in", sa.Column("address", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("sign_in", "address")

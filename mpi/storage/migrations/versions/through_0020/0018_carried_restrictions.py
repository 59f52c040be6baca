"""Store the restrictions of a record that a later version leaves out."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("record", sa.Column("carried_restrictions", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("record", "carried_restrictions")

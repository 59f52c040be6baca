"""Index the sealed records, of which some wait to be expunged."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sealed = sa.text("state = 'sealed'")
    op.create_index(
        "ix_record_sealed", "record", ["version_id"], sqlite_where=sealed, postgresql_where=sealed
    )


def downgrade() -> None:
    op.drop_index("ix_record_sealed", "record")

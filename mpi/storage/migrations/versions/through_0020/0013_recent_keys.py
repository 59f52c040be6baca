"""Add sorted segments of a load's blocking keys."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "recent_key",
        *(
            sa.Column(name, _BIG, autoincrement=False, nullable=False)
            for name in ("config_id", "run", "group_id", "key", "record_id")
        ),
        sa.PrimaryKeyConstraint("config_id", "run", "group_id", "key", "record_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.execute(
        "INSERT INTO blocking_key (config_id, group_id, key, record_id) "
        "SELECT config_id, group_id, key, record_id FROM recent_key "
        # A row that damage has put into both is one row.
        "WHERE true ON CONFLICT DO NOTHING"
    )
    op.drop_table("recent_key")

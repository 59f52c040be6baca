"""Store client expiry, former client keys, load issues and account requests."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("client", "expires_on"),
    ("client", "former_key_hash"),
    ("client", "former_key_until"),
    ("batch", "issues"),
)


def upgrade() -> None:
    for table, column in _COLUMNS:
        op.add_column(table, sa.Column(column, sa.Text(), nullable=True))
    op.create_table(
        "account_request",
        sa.Column("id", BigInt, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "name", "full_name", "role")),
        sa.Column("sources", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("asked_commit", BigInt, nullable=False),
        sa.Column("answered_commit", BigInt, nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("account_request")
    for table, column in reversed(_COLUMNS):
        op.drop_column(table, column)

"""Store safeguards of password sign-ins, and the second approver of indexes."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("past_passwords", _account_id(), sa.Column("hashes", sa.Text(), nullable=False))
    op.create_table(
        "second_factor",
        _account_id(),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("last_step", BigInt, nullable=False),
        sa.Column("recovery_hashes", sa.Text(), nullable=False),
        sa.Column("set_at", sa.Text(), nullable=False),
    )
    op.create_table(
        "sign_in_network",
        _account_id(),
        sa.Column("network", sa.Text(), primary_key=True),
        sa.Column("failed", BigInt, nullable=False),
        sa.Column("locked_until", sa.Text(), nullable=True),
        sa.Column("succeeded_at", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.Text(), nullable=False),
    )
    op.create_index("ix_sign_in_network_seen_at", "sign_in_network", ["seen_at"])
    op.create_table(
        "first_link",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("expires_at", sa.Text(), nullable=False),
    )
    op.add_column("index_info", sa.Column("second_approver", sa.Text(), nullable=True))
    op.add_column("sign_in", sa.Column("method", sa.Text(), nullable=True))


def _account_id() -> sa.Column[int]:
    return sa.Column("account_id", BigInt, sa.ForeignKey("account.id"), primary_key=True, autoincrement=False)


def downgrade() -> None:
    op.drop_column("sign_in", "method")
    op.drop_column("index_info", "second_approver")
    op.drop_table("first_link")
    op.drop_table("sign_in_network")
    op.drop_table("second_factor")
    op.drop_table("past_passwords")

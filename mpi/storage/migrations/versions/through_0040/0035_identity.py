"""Store access tokens of clients, and names at an identity provider."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("client", sa.Column("token_subject", sa.Text(), nullable=True))
    op.create_index("ix_client_token_subject", "client", ["token_subject"])
    op.create_table(
        "access_token",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("client", sa.Text(), nullable=False, index=True),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("actions", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.Text(), nullable=False, index=True),
    )
    op.add_column("account", sa.Column("external_id", sa.Text(), nullable=True))
    op.create_index("ix_account_external_id", "account", ["external_id"])
    op.create_table(
        "used_flow",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("expires_at", sa.Text(), nullable=False, index=True),
    )


def downgrade() -> None:
    op.drop_table("used_flow")
    op.drop_index("ix_account_external_id", "account")
    op.drop_column("account", "external_id")
    op.drop_table("access_token")
    op.drop_index("ix_client_token_subject", "client")
    op.drop_column("client", "token_subject")

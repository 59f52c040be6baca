"""Number the token keys that make tokens of configurations and dropped rows."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "token_key",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("key_check", sa.Text(), nullable=False),
    )
    for table in ("config", "pupil_tokens"):
        op.add_column(table, sa.Column("token_keys", sa.Text(), nullable=False, server_default="1"))


def downgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT count(*) FROM token_key")).scalar():
        raise RuntimeError("the token key was rotated: an earlier release would make other tokens")
    for table in ("config", "pupil_tokens"):
        op.drop_column(table, "token_keys")
    op.drop_table("token_key")

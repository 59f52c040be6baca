"""Encrypt payloads: data keys of records, payload keys in use."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payload_key",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("key_check", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
    )
    op.add_column("record", sa.Column("data_key", sa.LargeBinary(), nullable=True))
    op.add_column("index_info", sa.Column("token_check", sa.Text(), nullable=True))


def downgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT count(*) FROM payload_key")).scalar():
        raise RuntimeError("the content of this index is encrypted: without the data keys it would be lost")
    op.drop_column("index_info", "token_check")
    op.drop_column("record", "data_key")
    op.drop_table("payload_key")

"""Move the disclosure ledger to its own file on SQLite."""

import sqlalchemy as sa
from alembic import context, op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    # Durable there before it is gone here: a crash between the two leaves both, and is run again.
    context.config.attributes["take_over"](op.get_bind())
    op.drop_table("disclosed_record")
    op.drop_table("disclosure")
    op.execute("DELETE FROM counter WHERE name = 'disclosure'")


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.create_table(
        "disclosure",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("agreement", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("record_ids", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_disclosure_at", "disclosure", ["at"])
    op.create_table(
        "disclosed_record",
        sa.Column("record_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("disclosure_id", _BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "disclosure_id"),
        sqlite_with_rowid=False,
    )

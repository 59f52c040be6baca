"""Store how far the undo of a load has come."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("batch", sa.Column("undoing_commit", _BIG, nullable=True))
    op.add_column("batch", sa.Column("undoing_worker", sa.Text(), nullable=True))
    op.create_table(
        "taken_back",
        sa.Column("batch_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("record_id", _BIG, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"]),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"]),
        sa.PrimaryKeyConstraint("batch_id", "record_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT 1 FROM batch WHERE status = 'undoing'")).first() is not None:
        raise RuntimeError("a load is being taken back: go on with that first (mpi load undo)")
    op.drop_table("taken_back")
    op.drop_column("batch", "undoing_worker")
    op.drop_column("batch", "undoing_commit")

"""Add re-cluster runs, which can be resumed or abandoned."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "recluster_run",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("proposal_id", _BIG, nullable=True),
        sa.Column("config_id", _BIG, nullable=True),
        sa.Column("on_date", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("began_commit", _BIG, nullable=False),
        sa.Column("flipped_commit", _BIG, nullable=True),
        sa.Column("ended_commit", _BIG, nullable=True),
        sa.Column("moved", _BIG, nullable=False),
        sa.Column("held", _BIG, nullable=False),
        sa.Column("changed", _BIG, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("beat", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_recluster_run_stage", "recluster_run", ["stage"])
    op.create_table(
        "recluster_change",
        sa.Column("run_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("record_id", _BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "record_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("recluster_change")
    op.drop_index("ix_recluster_run_stage", "recluster_run")
    op.drop_table("recluster_run")

"""Store the sources of each review task's records."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_index("ix_task_harm_unflagged", "task")
    with op.batch_alter_table("task") as task:
        for end in ("lo", "hi"):
            task.add_column(sa.Column(f"{end}_source", _BIG, nullable=False, server_default="0"))
    for end in ("lo", "hi"):
        op.execute(
            f"UPDATE task SET {end}_source = (SELECT source_id FROM record WHERE record.id = task.{end})"
        )
    with op.batch_alter_table("task") as task:
        for end in ("lo", "hi"):
            task.alter_column(f"{end}_source", server_default=None)
    by_harm = ["harm_unflagged", "question", "lo_source", "hi_source"]
    op.create_index("ix_task_harm_unflagged", "task", by_harm)
    about = sa.text("decision_id IS NOT NULL")
    op.create_index(
        "ix_task_decision_id", "task", ["decision_id"], sqlite_where=about, postgresql_where=about
    )


def downgrade() -> None:
    op.drop_index("ix_task_decision_id", "task")
    op.drop_index("ix_task_harm_unflagged", "task")
    with op.batch_alter_table("task") as task:
        for end in ("lo", "hi"):
            task.drop_column(f"{end}_source")
    op.create_index("ix_task_harm_unflagged", "task", ["harm_unflagged", "question"])

"""Index quality issues, keep local IDs of rejected rows, and store tickets."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0047"
down_revision = "0045"
branch_labels = None
depends_on = None

_ISSUES = sa.text("issues <> '[]'")
_NUMBERS = ("record_count", "opened_commit")
_OPTIONAL_NUMBERS = ("closed_commit", "closed_batch")


def upgrade() -> None:
    op.create_index(
        "ix_record_version_issues",
        "record_version",
        ["record_id"],
        sqlite_where=_ISSUES,
        postgresql_where=_ISSUES,
    )
    op.add_column("reject", sa.Column("local_id", sa.Text(), nullable=True))
    op.create_index("ix_reject_local_id", "reject", ["local_id"])
    op.create_table(
        "quality_ticket",
        sa.Column("id", BigInt, primary_key=True, autoincrement=False),
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("field", "kind", "owner", "due_on")),
        *(sa.Column(name, BigInt, nullable=False) for name in _NUMBERS),
        *(sa.Column(name, BigInt, nullable=True) for name in _OPTIONAL_NUMBERS),
    )
    op.create_index("ix_quality_ticket_source_id", "quality_ticket", ["source_id"])


def downgrade() -> None:
    op.drop_table("quality_ticket")
    op.drop_index("ix_reject_local_id", "reject")
    op.drop_column("reject", "local_id")
    op.drop_index("ix_record_version_issues", "record_version")

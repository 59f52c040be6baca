"""Store incidents of wrong links, their records and the corrections sent."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incident",
        _text("code", primary_key=True),
        _text("kind"),
        _number("opened_commit"),
        _number("sent_commit", nullable=True),
        _text("due", nullable=True),
        _number("closed_commit", nullable=True),
        _text("closed_by", nullable=True),
        _text("note", nullable=True),
    )
    op.create_table(
        "incident_record",
        _text("code", primary_key=True),
        sa.Column("record_id", BigInt, primary_key=True, autoincrement=False),
        _number("person_id"),
        _number("part"),
    )
    op.create_table(
        "correction",
        _text("code", primary_key=True),
        _text("client", primary_key=True),
        _text("agreement", nullable=True),
        _text("record_ids"),
        _text("since"),
        _text("until"),
        _number("answers"),
        _number("sent_commit"),
        _number("acknowledged_commit", nullable=True),
        _text("acknowledged_by", nullable=True),
    )
    op.create_index("ix_correction_client", "correction", ["client"])


def _text(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), primary_key=primary_key, nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, BigInt, nullable=nullable)


def downgrade() -> None:
    for table in ("correction", "incident_record", "incident"):
        op.drop_table(table)

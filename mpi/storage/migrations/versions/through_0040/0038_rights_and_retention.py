"""Store rights cases, legal holds, destruction runs and research projects."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_cases()
    _create_holds()
    _create_destruction()
    op.create_table(
        "research_project",
        _text("code", primary_key=True),
        _text("title"),
        _text("salt", nullable=True),
        _text("opened_by"),
        sa.Column("opened_commit", BigInt, nullable=False),
        _text("ended_by", nullable=True),
        sa.Column("ended_commit", BigInt, nullable=True),
    )


def _text(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), primary_key=primary_key, nullable=nullable)


def _create_cases() -> None:
    op.create_table(
        "rights_case",
        _text("code", primary_key=True),
        _text("kind"),
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), nullable=False),
        sa.Column("record_id", BigInt, sa.ForeignKey("record.id"), nullable=False),
        _text("received"),
        _text("details"),
        sa.Column("opened_commit", BigInt, nullable=False),
    )
    op.create_index("ix_rights_case_record_id", "rights_case", ["record_id"])
    op.create_table(
        "rights_step",
        _text("code", primary_key=True),
        sa.Column("commit_no", BigInt, primary_key=True, autoincrement=False),
        _text("kind"),
        _text("details"),
    )
    op.create_table(
        "rights_text",
        _text("code", primary_key=True),
        _text("kind", primary_key=True),
        sa.Column("record_id", BigInt, sa.ForeignKey("record.id"), nullable=False),
        _text("text"),
        sa.Column("commit_no", BigInt, nullable=False),
    )
    op.create_index("ix_rights_text_record_id", "rights_text", ["record_id"])
    op.create_table(
        "source_rule",
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), primary_key=True, autoincrement=False),
        sa.Column("commit_no", BigInt, primary_key=True, autoincrement=False),
        _text("details"),
    )


def _create_holds() -> None:
    op.create_table(
        "legal_hold",
        _text("code", primary_key=True),
        _text("target"),
        sa.Column("record_id", BigInt, sa.ForeignKey("record.id"), nullable=True),
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), nullable=True),
        _text("agreement", nullable=True),
        _text("sources", nullable=True),
        *(_text(name) for name in ("reference", "reason", "placed_by")),
        sa.Column("placed_commit", BigInt, nullable=False),
        _text("lifted_by", nullable=True),
        _text("lift_reason", nullable=True),
        sa.Column("lifted_commit", BigInt, nullable=True),
    )


def _create_destruction() -> None:
    op.create_table(
        "destruction_run",
        sa.Column("number", BigInt, primary_key=True, autoincrement=False),
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), nullable=False),
        _text("rule"),
        sa.Column("records", BigInt, nullable=False),
        sa.Column("planned_commit", BigInt, nullable=False),
        _text("approved_by", nullable=True),
        sa.Column("approved_commit", BigInt, nullable=True),
        sa.Column("destroyed", BigInt, nullable=False),
        sa.Column("spared", BigInt, nullable=False),
        _text("certificate", nullable=True),
        _text("signature", nullable=True),
        sa.Column("finished_commit", BigInt, nullable=True),
    )
    op.create_table(
        "destruction_item",
        sa.Column(
            "number", BigInt, sa.ForeignKey("destruction_run.number"), primary_key=True, autoincrement=False
        ),
        sa.Column("record_id", BigInt, sa.ForeignKey("record.id"), primary_key=True, autoincrement=False),
    )


def downgrade() -> None:
    for table in (
        "research_project",
        "destruction_item",
        "destruction_run",
        "legal_hold",
        "source_rule",
        "rights_text",
        "rights_step",
        "rights_case",
    ):
        op.drop_table(table)

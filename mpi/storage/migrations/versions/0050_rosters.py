"""Store who is in care by district and caseworker."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0050"
down_revision = "0048"
branch_labels = None
depends_on = None


def _text(name: str, *, key: bool = False, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), primary_key=key, nullable=optional)


def _number(
    name: str, target: str | None = None, *, key: bool = False, optional: bool = False
) -> sa.Column[int]:
    keys = () if target is None else (sa.ForeignKey(target),)
    return sa.Column(name, BigInt, *keys, primary_key=key, nullable=optional, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "care_period",
        _number("version_id", "record_version.id", key=True),
        _text("kind", key=True),
        _text("begin", key=True),
        _text("end"),
        _text("household", optional=True),
    )
    op.create_index("ix_care_period_household", "care_period", ["household"])
    op.create_table(
        "enrollment_period",
        _number("version_id", "record_version.id", key=True),
        _text("begin", key=True),
        _text("end"),
    )
    op.create_table(
        "care_roster",
        _number("school_record_id", "record.id", key=True),
        _number("care_record_id", "record.id", key=True),
        *(_text(name, key=True) for name in ("kind", "care_begin", "enrolled_begin")),
        _number("school_source_id", "source.id"),
        _number("care_source_id", "source.id"),
        _text("care_end"),
        _text("enrolled_end"),
        _number("since_commit"),
        sa.Column("is_stale", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_care_roster_school", "care_roster", ["school_source_id", "care_end"])
    op.create_index("ix_care_roster_care", "care_roster", ["care_record_id"])
    op.create_table(
        "caseworker",
        _number("id", key=True),
        _number("source_id", "source.id"),
        _text("code"),
        _text("name"),
        _text("phone", optional=True),
        _text("email", optional=True),
        sa.UniqueConstraint("source_id", "code"),
    )
    op.create_table(
        "caseload",
        _number("record_id", "record.id", key=True),
        _number("caseworker_id", "caseworker.id", key=True),
        _number("from_commit", key=True),
        _number("to_commit", optional=True),
    )
    op.create_index("ix_caseload_caseworker", "caseload", ["caseworker_id", "to_commit"])
    op.create_table(
        "roster_visit",
        _text("client", key=True),
        _text("list", key=True),
        _text("day", key=True),
        _number("commit_no"),
    )


def downgrade() -> None:
    for name in ("roster_visit", "caseload", "caseworker", "care_roster", "enrollment_period", "care_period"):
        op.drop_table(name)

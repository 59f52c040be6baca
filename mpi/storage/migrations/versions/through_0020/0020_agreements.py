"""Store data-sharing agreements, and bind clients and accounts to the first one."""

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_PURPOSES = (
    "case_planning", "court_report", "credit_transfer", "data_quality", "enrolment_coordination",
    "program_evaluation", "reporting_federal", "school_stability", "special_education_coordination",
    "subject_access", "system_admin", "transport",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "agreement_version",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("version", BigInt, primary_key=True, autoincrement=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("created_commit", BigInt, nullable=False),
    )
    op.create_table(
        "agreement_step",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("commit_no", BigInt, primary_key=True, autoincrement=False),
        sa.Column("version", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
    )
    op.create_table(
        "purpose",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("vision", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_commit", BigInt, nullable=False),
    )
    for table in ("client", "account"):
        op.add_column(table, sa.Column("agreement", sa.Text(), nullable=True))
    if op.get_bind().dialect.name != "sqlite":
        # On SQLite the file of the ledger has this table.
        op.create_table(
            "refusal",
            *(
                sa.Column(name, sa.Text(), primary_key=True)
                for name in ("client", "minute", "action", "purpose", "agreement", "reason")
            ),
            sa.Column("count", BigInt, nullable=False),
        )
    _add_house_agreement()


def _add_house_agreement() -> None:
    """Bind every client and account of an existing index to one agreement."""
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT 1 FROM index_info")).first() is None:
        return
    now = datetime.now(UTC)
    commit_no = _add_commit(connection, f"{now:%Y-%m-%dT%H:%M:%S.%fZ}")
    connection.execute(
        sa.text(
            "INSERT INTO agreement_version (code, version, content, created_commit) "
            "VALUES ('house', 1, :content, :commit)"
        ),
        {"content": _house_content(), "commit": commit_no},
    )
    connection.execute(
        sa.text(
            "INSERT INTO agreement_step (code, commit_no, version, kind, day, reason) "
            "VALUES ('house', :commit, 1, 'approve', :day, 'upgrade')"
        ),
        {"commit": commit_no, "day": now.date().isoformat()},
    )
    for table in ("client", "account"):
        connection.execute(sa.text(f"UPDATE {table} SET agreement = 'house'"))


def _add_commit(connection: sa.Connection, now: str) -> int:
    """Add a commit of the index's own, and return its number."""
    last_no, last_at = connection.execute(sa.text("SELECT max(no), max(at) FROM commit_log")).one()
    stored_next = connection.execute(sa.text("SELECT next FROM counter WHERE name = 'commit'")).scalar()
    commit_no = int(stored_next or (last_no or 0) + 1)
    connection.execute(
        sa.text(
            "INSERT INTO commit_log (no, at, actor, client, purpose, kind) "
            "VALUES (:no, :at, 'index', 'index', 'system_admin', 'agreement-add')"
        ),
        {"no": commit_no, "at": max(now, last_at or now)},
    )
    connection.execute(
        sa.text(
            "INSERT INTO counter (name, next) VALUES ('commit', :next) "
            "ON CONFLICT (name) DO UPDATE SET next = excluded.next"
        ),
        {"next": commit_no + 1},
    )
    return commit_no


def _house_content() -> str:
    return json.dumps({
        "title": "Arrangements from before the register of agreements",
        "parties": [
            {"code": "operator", "name": "Operator of this index", "kind": "operator", "sources": ["all"]}
        ],
        "grants": [
            {
                "discloser": "operator",
                "recipient": "operator",
                "population": "all",
                "legal_basis": "own_records",
                "purposes": list(_PURPOSES),
                "output_fields": ["all"],
                "matching_fields": ["all"],
            }
        ],
        "begins": "2000-01-01",
    })  # fmt: skip


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_table("refusal")
    for table in ("account", "client"):
        op.drop_column(table, "agreement")
    for table in ("purpose", "agreement_step", "agreement_version"):
        op.drop_table(table)

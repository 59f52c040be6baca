"""Add pending approvals and the consent of source owners."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "source", sa.Column("asks_consent", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "awaited",
        sa.Column("decision_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("step_id", _BIG, nullable=False),
        sa.Column("second", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"]),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"]),
        sa.PrimaryKeyConstraint("decision_id"),
    )
    op.create_index("ix_awaited_step_id", "awaited", ["step_id"])
    op.create_table(
        "consent",
        sa.Column("step_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("source_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("asked_commit", _BIG, nullable=False),
        sa.Column("commit_no", _BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["step_id"], ["step.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"]),
        sa.PrimaryKeyConstraint("step_id", "source_id"),
    )
    _write_down_what_waits()


def _write_down_what_waits() -> None:
    """Migrate decisions that wait for a second approver, so they still wait."""
    connection = op.get_bind()
    made = connection.execute(sa.text("SELECT id, step_id FROM decision WHERE status = 'awaiting'")).all()
    found = {row.id: row.step_id for row in made if row.step_id is not None}
    undoing = sa.text("SELECT id, detail FROM step WHERE kind = 'undo' AND undone_commit IS NULL")
    standing = sa.text("SELECT id FROM decision WHERE status <> 'revoked'")
    undos = [(row.id, json.loads(row.detail)) for row in connection.execute(undoing)]
    asked = [(step, detail) for step, detail in undos if detail.get("awaiting")]
    left = {row.id for row in connection.execute(standing)} if asked else set()
    for step, detail in asked:
        for number in left.intersection(detail.get("decisions", ())):
            found.setdefault(number, step)
    rows = [{"decision": number, "step": step} for number, step in sorted(found.items())]
    if rows:
        add = sa.text("INSERT INTO awaited (decision_id, step_id, second) VALUES (:decision, :step, true)")
        connection.execute(add, rows)


def downgrade() -> None:
    op.drop_table("consent")
    op.drop_table("awaited")
    op.drop_column("source", "asks_consent")

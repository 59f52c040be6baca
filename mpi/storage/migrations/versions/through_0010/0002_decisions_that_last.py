"""Add steps with undo, superseded decisions, record assertions and proposals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "step",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("commit_no", _BIG, nullable=False),
        sa.Column("undone_commit", _BIG, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_step_commit_no", "step", ["commit_no"])
    op.create_index("ix_step_undone_commit", "step", ["undone_commit"])
    op.create_table(
        "decision_supersedes",
        sa.Column("decision_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("superseded_id", _BIG, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"]),
        sa.ForeignKeyConstraint(["superseded_id"], ["decision.id"]),
        sa.PrimaryKeyConstraint("decision_id", "superseded_id"),
    )
    op.create_index("ix_decision_supersedes_superseded_id", "decision_supersedes", ["superseded_id"])
    op.create_table(
        "sighting",
        sa.Column("record_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("commit_no", _BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Text(), nullable=False),
        sa.Column("batch_id", _BIG, nullable=True),
        sa.Column("version_id", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"]),
        sa.PrimaryKeyConstraint("record_id", "commit_no"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sighting_batch", "sighting", ["batch_id"])
    # What was said before statements without content were kept: that a record is gone, or still stands.
    op.execute(
        """
        INSERT INTO sighting (record_id, commit_no, kind, as_of, batch_id, version_id)
        SELECT record.id, (SELECT max(no) FROM commit_log),
               CASE WHEN record.state = 'withdrawn' THEN 'gone' ELSE 'same' END,
               record.last_seen, NULL, record.version_id
        FROM record JOIN record_version ON record_version.id = record.version_id
        WHERE record.state = 'withdrawn'
           OR (record.state = 'active' AND record.last_seen > record_version.as_of)
        """
    )
    op.create_table(
        "proposal",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("config_digest", sa.Text(), nullable=False),
        sa.Column("model_before", sa.Text(), nullable=False),
        sa.Column("on_date", sa.Text(), nullable=False),
        sa.Column("commit_no", _BIG, nullable=False),
        sa.Column("applied_commit", _BIG, nullable=True),
        sa.Column("ended_commit", _BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "proposal_item",
        sa.Column("proposal_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("no", _BIG, autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"]),
        sa.PrimaryKeyConstraint("proposal_id", "no"),
    )
    op.create_table(
        "kept_answer",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("record_ids", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("client", "key"),
    )
    op.create_index("ix_kept_answer_at", "kept_answer", ["at"])
    op.create_index("ix_record_version_batch", "record_version", ["batch_id"])
    op.add_column("batch", sa.Column("undone_commit", _BIG, nullable=True))
    op.add_column("task", sa.Column("quiet_until", sa.Text(), nullable=True))
    op.add_column("task", sa.Column("decision_id", _BIG, nullable=True))
    op.add_column("decision", sa.Column("step_id", _BIG, nullable=True))
    op.add_column("decision", sa.Column("origin", sa.Text(), nullable=True))
    op.add_column("decision", sa.Column("asserting_record", _BIG, nullable=True))
    op.create_index("ix_decision_step_id", "decision", ["step_id"])
    op.create_index("ix_decision_asserting_record", "decision", ["asserting_record"])
    op.drop_column("decision", "supersedes")


def downgrade() -> None:
    op.add_column("decision", sa.Column("supersedes", _BIG, nullable=True))
    op.drop_index("ix_decision_asserting_record", "decision")
    op.drop_index("ix_decision_step_id", "decision")
    for column in ("asserting_record", "origin", "step_id"):
        op.drop_column("decision", column)
    for column in ("decision_id", "quiet_until"):
        op.drop_column("task", column)
    op.drop_column("batch", "undone_commit")
    op.drop_index("ix_record_version_batch", "record_version")
    for table in ("kept_answer", "proposal_item", "proposal", "sighting", "decision_supersedes", "step"):
        op.drop_table(table)

"""Store read marks, mentions, daily mails and short-lived links."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_task_action_actor", "task_action", ["actor", "at"]),
    ("ix_task_action_step_id", "task_action", ["step_id"]),
    ("ix_approval_commit_no", "approval", ["commit_no"]),
    ("ix_consent_commit_no", "consent", ["commit_no"]),
    ("ix_owner_question_asked_by", "owner_question", ["asked_by"]),
)


def upgrade() -> None:
    op.create_table(
        "notice_mark",
        sa.Column("person", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("number", BigInt, primary_key=True, autoincrement=False),
        sa.Column("part", BigInt, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Text(), nullable=False),
    )
    op.create_table(
        "mention",
        sa.Column(
            "action_id", BigInt, sa.ForeignKey("task_action.id"), primary_key=True, autoincrement=False
        ),
        sa.Column("person", sa.Text(), primary_key=True),
    )
    op.create_index("ix_mention_person", "mention", ["person"])
    op.create_table(
        "digest",
        sa.Column("person", sa.Text(), primary_key=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("mailed_on", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
    )
    op.create_table(
        "desk_link",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("record_id", BigInt, nullable=True),
        sa.Column("question", sa.Text(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
    )
    op.create_index("ix_desk_link_expires_at", "desk_link", ["expires_at"])
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, table, _ in reversed(_INDEXES):
        op.drop_index(name, table)
    for table in ("desk_link", "digest", "mention", "notice_mark"):
        op.drop_table(table)

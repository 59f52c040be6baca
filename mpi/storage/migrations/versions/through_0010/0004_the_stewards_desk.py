"""Add tables of the steward's desk: questions, blind pairs, accounts."""

import json
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


_NEW_ACTIONS = {"approve", "task.work", "question.answer", "quality.read", "account.admin"}


def _regrant(changed: Callable[[set[str]], set[str]]) -> None:
    client = sa.table("client", sa.column("id", _BIG), sa.column("actions", sa.Text()))
    connection = op.get_bind()
    for number, granted in connection.execute(sa.select(client.c.id, client.c.actions)).all():
        actions = json.dumps(sorted(changed(set(json.loads(granted)))), separators=(",", ":"))
        connection.execute(sa.update(client).where(client.c.id == number).values(actions=actions))


def upgrade() -> None:
    waiting = sa.text("state = 'overlay'")
    op.create_index(
        "ix_record_version_overlay",
        "record_version",
        ["record_id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.drop_table("task_work")  # nothing ever wrote it
    with op.batch_alter_table("task") as task:
        task.add_column(sa.Column("question", sa.Text(), nullable=False, server_default=""))
        task.add_column(sa.Column("subject", _BIG, nullable=False, server_default="0"))
        task.add_column(sa.Column("harm", _BIG, nullable=False, server_default="0"))
        task.add_column(sa.Column("harm_unflagged", _BIG, nullable=False, server_default="0"))
        task.add_column(sa.Column("pattern", sa.Text(), nullable=True))
        task.add_column(sa.Column("batch_id", _BIG, nullable=True))
    # Until their components are settled anew, each is a question of its own, the heaviest first.
    op.execute("UPDATE task SET question = key, harm = weight, harm_unflagged = weight")
    with op.batch_alter_table("task") as task:
        for column in ("question", "subject", "harm", "harm_unflagged"):
            task.alter_column(column, server_default=None)
    op.create_index("ix_task_question", "task", ["question"])
    for column in ("harm", "harm_unflagged"):
        op.create_index(f"ix_task_{column}", "task", [column, "question"])
    op.create_index("ix_task_burst", "task", ["batch_id", "pattern"])
    op.create_index("ix_task_opened_commit", "task", ["opened_commit"])
    op.create_table(
        "task_work",
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.Text(), nullable=True),
        sa.Column("assigned_to", sa.Text(), nullable=True),
        sa.Column("asleep_until", sa.Text(), nullable=True),
        sa.Column("due_on", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.Text(), nullable=True),
        sa.Column("closed_because", sa.Text(), nullable=True),
        sa.Column("about", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("question"),
    )
    op.create_index("ix_task_work_state", "task_work", ["state"])
    op.create_index("ix_task_work_claimed_by", "task_work", ["claimed_by"])
    op.create_index("ix_task_work_assigned_to", "task_work", ["assigned_to"])
    op.create_index("ix_task_work_closed_at", "task_work", ["closed_at"])
    op.create_table(
        "task_action",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("step_id", _BIG, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_task_action_question", "task_action", ["question"])
    op.create_index("ix_task_action_at", "task_action", ["at"])
    op.create_table(
        "owner_question",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("record_id", _BIG, nullable=False),
        sa.Column("source_id", _BIG, nullable=False),
        sa.Column("asks", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_owner_question_question", "owner_question", ["question"])
    op.create_index("ix_owner_question_source", "owner_question", ["source_id", "state"])
    op.create_table(
        "saved_view",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "name"),
    )
    op.create_table(
        "blind_pair",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("stratum", sa.Text(), nullable=False),
        sa.Column("stratum_pairs", _BIG, nullable=False),
        sa.Column("stratum_seen", _BIG, nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("drawn_at", sa.Text(), nullable=False),
        sa.Column("config_id", _BIG, nullable=False),
        sa.Column("lo", _BIG, nullable=False),
        sa.Column("hi", _BIG, nullable=False),
        sa.Column("lo_version", _BIG, nullable=False),
        sa.Column("hi_version", _BIG, nullable=False),
        sa.Column("weight", _BIG, nullable=False),
        sa.Column("linked", sa.Boolean(), nullable=False),
        sa.Column("first_by", sa.Text(), nullable=True),
        sa.Column("first_verdict", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["lo"], ["record.id"]),
        sa.ForeignKeyConstraint(["hi"], ["record.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_blind_pair_month", "blind_pair", ["month", "stratum"])
    op.create_table(
        "blind_answer",
        sa.Column("blind_pair_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["blind_pair_id"], ["blind_pair.id"]),
        sa.PrimaryKeyConstraint("blind_pair_id", "actor"),
    )
    op.create_table(
        "practice_answer",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("item", _BIG, autoincrement=False, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("right", sa.Boolean(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "item"),
    )
    op.create_table(
        "account",
        sa.Column("id", _BIG, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("password_set_at", sa.Text(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("failed", _BIG, nullable=False),
        sa.Column("locked_until", sa.Text(), nullable=True),
        sa.Column("created_commit", _BIG, nullable=False),
        sa.Column("ended_commit", _BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "sign_in",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("ix_sign_in_account_id", "sign_in", ["account_id"])
    op.create_index("ix_sign_in_seen_at", "sign_in", ["seen_at"])
    # To approve was part of "decide": whoever was granted it before keeps it.
    _regrant(lambda actions: actions | {"approve"} if "decide" in actions else actions)


def downgrade() -> None:
    op.drop_index("ix_record_version_overlay", "record_version")
    _regrant(lambda actions: actions - _NEW_ACTIONS)
    for table in (
        "sign_in",
        "account",
        "practice_answer",
        "blind_answer",
        "blind_pair",
        "saved_view",
        "owner_question",
        "task_action",
        "task_work",
    ):
        op.drop_table(table)
    for column in ("question", "harm", "harm_unflagged", "burst", "opened_commit"):
        op.drop_index(f"ix_task_{column}", "task")
    with op.batch_alter_table("task") as task:
        for column in ("question", "subject", "harm", "harm_unflagged", "pattern", "batch_id"):
            task.drop_column(column)
    op.create_table(
        "task_work",
        sa.Column("task_key", sa.Text(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("task_key"),
    )

"""Store a blocking-key segment as two columns, not as rows."""

from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AS_STORED = np.dtype("<i8")
_COLUMNS = "config_id, group_id, key, record_id"


def upgrade() -> None:
    op.create_table(
        "key_run",
        sa.Column("number", _BIG, autoincrement=False, nullable=False),
        *(
            sa.Column(name, _BIG, nullable=False)
            for name in ("config_id", "mark", "group_id", "records", "size", "commit_no")
        ),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.Column("record_ids", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Hashes are as random as can be: to compress them takes time and spares nothing.
        op.execute(
            "ALTER TABLE key_run ALTER COLUMN keys SET STORAGE EXTERNAL, "
            "ALTER COLUMN record_ids SET STORAGE EXTERNAL"
        )
    op.create_table(
        "gone_from_runs",
        sa.Column("config_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("record_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("run", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("config_id", "record_id"),
    )
    op.create_table(
        "key_merge",
        sa.Column("config_id", _BIG, autoincrement=False, nullable=False),
        *(sa.Column(name, _BIG, nullable=False) for name in ("upto", "group_id", "key", "record_id")),
        sa.PrimaryKeyConstraint("config_id"),
    )
    op.execute(
        f"INSERT INTO blocking_key ({_COLUMNS}) SELECT {_COLUMNS} FROM recent_key "
        # A row that damage has put into both is one row.
        "WHERE true ON CONFLICT DO NOTHING"
    )
    op.drop_table("recent_key")


def downgrade() -> None:
    op.create_table(
        "recent_key",
        *(
            sa.Column(name, _BIG, autoincrement=False, nullable=False)
            for name in ("config_id", "run", "group_id", "key", "record_id")
        ),
        sa.PrimaryKeyConstraint("config_id", "run", "group_id", "key", "record_id"),
        sqlite_with_rowid=False,
    )
    for row in op.get_bind().execute(sa.text("SELECT number FROM key_run")).all():
        _write_among_all(op.get_bind(), row.number)
    for table in ("key_merge", "gone_from_runs", "key_run"):
        op.drop_table(table)


def _write_among_all(connection: sa.Connection, number: int) -> None:
    of_run = {"number": number}
    run = connection.execute(
        sa.text("SELECT config_id, group_id, keys, record_ids FROM key_run WHERE number = :number"), of_run
    ).one()
    gone = sa.text("SELECT record_id FROM gone_from_runs WHERE config_id = :config AND run >= :number")
    of_config = {"config": run.config_id, "group": run.group_id}
    left_out = set(connection.execute(gone, {"config": run.config_id, **of_run}).scalars())
    columns = (np.frombuffer(column, _AS_STORED).tolist() for column in (run.keys, run.record_ids))
    rows: list[dict[str, Any]] = [
        {**of_config, "key": key, "record": record}
        for key, record in zip(*columns, strict=True)
        if record not in left_out
    ]
    if rows:
        connection.execute(
            sa.text(
                f"INSERT INTO blocking_key ({_COLUMNS}) VALUES (:config, :group, :key, :record) "
                # What a merge has moved is there already.
                "ON CONFLICT DO NOTHING"
            ),
            rows,
        )

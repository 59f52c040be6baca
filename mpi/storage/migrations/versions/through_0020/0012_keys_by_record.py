"""Store the blocking keys of a record in one row."""

from array import array
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_RECORDS_AT_ONCE = 5_000

_key = sa.table("blocking_key", *(sa.column(name) for name in ("config_id", "group_id", "key", "record_id")))


def upgrade() -> None:
    made = op.create_table(
        "record_keys",
        sa.Column("config_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("record_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("group_id", _BIG, nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.Column("commit_no", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("config_id", "record_id"),
        sqlite_with_rowid=False,
    )
    for rows in _by_record(op.get_bind()):
        op.bulk_insert(made, rows)
    op.create_index("ix_record_keys_commit", "record_keys", ["config_id", "commit_no"])
    op.drop_index("ix_blocking_key_record", table_name="blocking_key")


def _by_record(connection: sa.Connection) -> Iterator[list[dict[str, Any]]]:
    """Yield each record's blocking keys for the new table, in batches.

    All keys of a configuration are too many for memory.
    """
    last = sa.select(_key.c.config_id, sa.func.max(_key.c.record_id)).group_by("config_id")
    for config, greatest in connection.execute(last).all():
        for first in range(0, greatest + 1, _RECORDS_AT_ONCE):
            keys = connection.execute(
                sa.select(_key.c.record_id, _key.c.group_id, _key.c.key)
                .where(_key.c.config_id == config)
                .where(_key.c.record_id.between(first, first + _RECORDS_AT_ONCE - 1))
                .order_by("record_id", "key")
            ).all()
            yield [
                {
                    "config_id": config,
                    "record_id": record,
                    "group_id": group,
                    "packed": array("q", [row[2] for row in own]).tobytes(),
                    # Nobody asks any more what was written before.
                    "commit_no": 0,
                }
                for (record, group), own in groupby(keys, itemgetter(0, 1))
            ]


def downgrade() -> None:
    op.create_index("ix_blocking_key_record", "blocking_key", ["config_id", "record_id"])
    op.drop_table("record_keys")

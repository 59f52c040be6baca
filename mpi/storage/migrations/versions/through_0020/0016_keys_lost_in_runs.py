"""Store in key segments which blocking keys records have lost."""

from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_AS_STORED = np.dtype("<i8")
_NEW = ("lost_keys", "lost_ids")


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    nothing = sa.text("'\\x'" if is_postgresql else "x''")
    for name in _NEW:
        op.add_column("key_run", sa.Column(name, sa.LargeBinary(), nullable=False, server_default=nothing))
    if is_postgresql:
        # As the others are stored: see 0014.
        external = ", ".join(f"ALTER COLUMN {name} SET STORAGE EXTERNAL" for name in _NEW)
        op.execute(f"ALTER TABLE key_run {external}")


def downgrade() -> None:
    connection = op.get_bind()
    merges = connection.execute(sa.text("SELECT config_id, upto, group_id, key, record_id FROM key_merge"))
    came_to = {row[0]: (row[1], tuple(row[2:])) for row in merges}
    for number in connection.execute(sa.text("SELECT number FROM key_run")).scalars().all():
        _take_out(connection, number, came_to)
    for name in _NEW:
        op.drop_column("key_run", name)


def _take_out(
    connection: sa.Connection, number: int, came_to: dict[int, tuple[int, tuple[int, int, int]]]
) -> None:
    """Delete from the key table the rows that a segment cancels.

    Rows that a compaction has deleted already are left alone, because they may have been written again.
    """
    run = connection.execute(
        sa.text("SELECT config_id, group_id, lost_keys, lost_ids FROM key_run WHERE number = :number"),
        {"number": number},
    ).one()
    upto, place = came_to.get(run.config_id, (0, None))
    columns = (np.frombuffer(column, _AS_STORED).tolist() for column in (run.lost_keys, run.lost_ids))
    rows: list[dict[str, Any]] = [
        {"config": run.config_id, "group": run.group_id, "key": key, "record": record}
        for key, record in zip(*columns, strict=True)
        if place is None or number > upto or (run.group_id, key, record) > place
    ]
    if rows:
        connection.execute(
            sa.text(
                "DELETE FROM blocking_key WHERE config_id = :config AND group_id = :group "
                "AND key = :key AND record_id = :record"
            ),
            rows,
        )

"""Checks of purged blocks that are due."""

from collections.abc import Callable

from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.indexing.purged_blocks import update_pairs_of_blocks
from mpi.service.indexing.reindex import note_changed_records
from mpi.service.resolution.resolve import resettle
from mpi.storage.unit_of_work.units import WriteUnit

BLOCKS_PER_TRANSACTION = 8
"""Blocks that one transaction checks.

A child's record that makes one block too large mostly makes several so, of the same records.
"""


def check_purged_blocks(index: Index, viewer: Viewer, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Update the pairs and persons of every block whose check is due.

    Args:
        index: the open index.
        viewer: who asks.
        is_stopping: returns whether to leave the remaining blocks for later.

    Returns:
        The number of checked blocks.
    """
    checked_count = 0
    while not is_stopping():
        with index.database.read(viewer) as unit:
            if not unit.keys.purged_blocks.count_due(index.config_id(unit)):
                break
        with index.database.write(viewer, "pending") as unit:
            checked_count += _check_some_blocks(unit, index)
    return checked_count


def _check_some_blocks(unit: WriteUnit, index: Index) -> int:
    """Check some due blocks in one transaction; return their number."""
    config_id = index.config_id(unit)
    checks = unit.keys.purged_blocks.list_due(config_id, BLOCKS_PER_TRANSACTION)
    affected = update_pairs_of_blocks(unit, index, config_id, checks)
    if affected:
        note_changed_records(unit, affected)
        resettle(unit, index, affected, "upsert")
    return len(checks)

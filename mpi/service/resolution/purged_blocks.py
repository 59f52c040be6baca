"""Due checks of purged blocks, and the IDs that they make final."""

from collections.abc import Callable, Collection

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
RECORDS_PER_TRANSACTION = 200
"""Records whose IDs one transaction makes final."""


def check_purged_blocks(index: Index, viewer: Viewer, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Update the pairs and persons of every block whose check is due.

    Then the IDs of the records are final that were provisional until these checks. An event tells so of each.

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
            due = list(unit.keys.purged_blocks.list_due(index.config_id(unit)))
            last_commit = unit.last_commit()
        # All that are due now come before any that becomes due meanwhile, so that no record waits forever.
        for start in range(0, len(due), BLOCKS_PER_TRANSACTION):
            if is_stopping():
                return checked_count
            with index.database.write(viewer, "pending") as unit:
                checked_count += _check_blocks(unit, index, due[start : start + BLOCKS_PER_TRANSACTION])
        _settle_ids(index, viewer, last_commit)
        if not due:
            break
    return checked_count


def _check_blocks(unit: WriteUnit, index: Index, keys: Collection[int]) -> int:
    """Check those of some blocks that are due still; return their number."""
    config_id = index.config_id(unit)
    checks = unit.keys.purged_blocks.select_due(config_id, keys)
    affected = update_pairs_of_blocks(unit, index, config_id, checks)
    if affected:
        note_changed_records(unit, affected)
        resettle(unit, index, affected, "upsert")
    return len(checks)


def _settle_ids(index: Index, viewer: Viewer, last_commit: int) -> None:
    """Publish that IDs are final which were provisional at a commit.

    Every check that was due at the commit must be done.
    """
    with index.database.read(viewer) as unit:
        records = unit.large_blocks.list_checked(last_commit, RECORDS_PER_TRANSACTION)
    while records:
        with index.database.write(viewer, "pending") as unit:
            records = unit.large_blocks.list_checked(last_commit, RECORDS_PER_TRANSACTION)
            unit.large_blocks.remove_pending(records)
            unit.identity_events.add_settled_events(unit.commit_no, unit.persons.current_persons(records))

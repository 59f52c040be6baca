"""Report of large blocks and the number of deferred candidate searches.

For the operator. A block is the set of records that share a blocking key.
"""

from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class LargeBlockView:
    """Blocking key that more records shared than the alarm size.

    Args:
        key: its hash, 16 hex digits; it does not reveal what the records have in common.
        records: number of records that had it when it was first met.
    """

    key: str
    records: int


@dataclass(frozen=True, slots=True)
class LargeBlockReport:
    """Blocking keys that many records share, and number of deferred candidate searches.

    Args:
        blocks: such keys under the configuration in force, largest first.
        pending: number of deferred searches, and of due checks of blocks, that wait for the worker.
    """

    blocks: tuple[LargeBlockView, ...]
    pending: int


def count_waiting_work(unit: ReadUnit, index: Index) -> int:
    """Count the searches and block checks that wait for the worker."""
    due = unit.keys.purged_blocks.count_due(index.config_id(unit))
    return unit.large_blocks.count_pending() + due


def list_large_blocks(index: Index, viewer: Viewer) -> LargeBlockReport:
    """List blocking keys above the alarm size, and count waiting candidate searches.

    Args:
        index: the open index.
        viewer: who asks.

    Raises:
        AccessDenied: the viewer may not re-cluster.
    """
    require_permission(viewer, Action.RECLUSTER)
    with index.database.read(viewer) as unit:
        blocks_met = unit.large_blocks.all(index.config_id(unit))
        pending = count_waiting_work(unit, index)
    blocks = tuple(LargeBlockView(f"{block.key & (1 << 64) - 1:016x}", block.records) for block in blocks_met)
    return LargeBlockReport(blocks, pending)

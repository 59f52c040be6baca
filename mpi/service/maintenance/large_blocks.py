"""Large blocks as the operator reads them: keys that many records share, and requests that wait for one."""

from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index


@dataclass(frozen=True, slots=True)
class LargeBlockView:
    """A blocking key that was met past the alarm size.

    Args:
        key: its hash, 16 hex digits; it tells nobody what the records have in common.
        records: how many had it when it was first met.
    """

    key: str
    records: int


@dataclass(frozen=True, slots=True)
class LargeBlockReport:
    """What is too large to be searched without a word.

    Args:
        blocks: under the configuration in force, largest first.
        pending: requests that wait for the worker.
    """

    blocks: tuple[LargeBlockView, ...]
    pending: int


def list_large_blocks(index: Index, viewer: Viewer) -> LargeBlockReport:
    """Every blocking key past the alarm size, and how many requests wait because of one.

    Raises:
        AccessDenied: the viewer may not re-cluster.
    """
    require_permission(viewer, Action.RECLUSTER)
    with index.database.read(viewer) as unit:
        blocks_met = unit.large_blocks.all(index.config_id(unit))
        pending = unit.large_blocks.count_pending()
    blocks = tuple(LargeBlockView(f"{block.key & (1 << 64) - 1:016x}", block.records) for block in blocks_met)
    return LargeBlockReport(blocks, pending)

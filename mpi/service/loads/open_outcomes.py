"""Outcomes of a load that do not tell who is in care.

A source with minimum holdings stores the pupils that match a child in care, and drops the other rows. Whether
a row found a stored record therefore tells whether its child is in care.
"""

from collections.abc import Collection, Mapping

from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.loads.receipt import COUNT_NAMES, SEALED_ROW
from mpi.storage.repositories.sources.batches import LOADING, UNDOING, UNDONE, Batch, StoredReject
from mpi.storage.unit_of_work.units import ReadUnit


def tells_of_care(viewer: Viewer, source: str, limited_sources: Collection[str]) -> bool:
    """Return whether a source's outcomes would tell who is in care.

    Args:
        viewer: who asks.
        source: code of the source.
        limited_sources: sources that hold linked records only.
    """
    return source in limited_sources and not is_allowed(viewer, Action.RECORD_READ)


def count_file_rows(counts: Mapping[str, int], sealed: int = 0) -> dict[str, int]:
    """Return the counts of a load that follow from its file alone.

    ``received`` is without the stored records that a full file lacks.

    Args:
        counts: numbers of rows by outcome.
        sealed: rows that were rejected because their record is sealed or expunged.
    """
    return {
        "received": counts.get("received", 0) - counts.get("withdrawn", 0),
        "rejected": counts.get("rejected", 0) - sealed,
    }


def find_shown_counts(unit: ReadUnit, batches: Collection[Batch]) -> dict[int, dict[str, int]]:
    """Return the counts that the viewer may know, by load.

    Where outcomes would tell who is in care, these are counts of the file's rows. A load that was interrupted
    has counted its stored rows only, so nothing is told of one that is not complete, or that was undone.
    """
    limited = find_limited_sources(unit)
    hidden = {batch.id for batch in batches if tells_of_care(unit.viewer, batch.source, limited)}
    sealed = unit.batches.count_rejects(hidden, SEALED_ROW) if hidden else {}
    shown = {}
    for batch in batches:
        if batch.id not in hidden:
            shown[batch.id] = {name: batch.counts.get(name, 0) for name in COUNT_NAMES}
        elif batch.status in (LOADING, UNDOING, UNDONE):
            shown[batch.id] = {}
        else:
            shown[batch.id] = count_file_rows(batch.counts, sealed.get(batch.id, 0))
    return shown


def read_shown_rejects(unit: ReadUnit, batch: Batch, limit: int) -> list[StoredReject]:
    """Return rejected rows of a load that the viewer may know."""
    is_hidden = tells_of_care(unit.viewer, batch.source, find_limited_sources(unit))
    return unit.batches.rejects(batch.id, limit, without_reason=SEALED_ROW if is_hidden else "")

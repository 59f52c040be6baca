"""Search for persons, answered with their golden records.

All is read from one snapshot. The ledger lines of the search and of the golden records become durable in one
write, before anything leaves.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.persons.golden_record import GoldenRecord, GoldenRecordRead, read_golden_record
from mpi.service.persons.search import SearchResult, find_persons, read_query
from mpi.service.persons.search_limits import disclose_search
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """What a search found, with the golden records of the persons.

    Args:
        results: the persons, the best first.
        records: golden records by enterprise ID, without those that were not wanted.
        refusals: error by enterprise ID of each person whom the viewer may not see.
    """

    results: tuple[SearchResult, ...]
    records: Mapping[str, GoldenRecord]
    refusals: Mapping[str, NotFoundError]


def search_golden_records(
    index: Index, viewer: Viewer, submitted: Mapping[str, object], known: Collection[str] = ()
) -> FoundRecords:
    """Return persons that match a record, with their golden records.

    Args:
        index: the open index.
        viewer: who asks.
        submitted: a canonical record, as for ``search_persons``.
        known: enterprise IDs whose golden records the caller has; they are not read again.

    Raises:
        RecordError: a field is wrong, or the record has too little to search by.
        SearchLimitError: the client has searched too often, or has found one of the persons too often.
        AccessDenied: the viewer may not search, or not read persons and records.
        StoreError: the store cannot be used; nothing may leave.
    """
    for action in (Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ):
        require_permission(viewer, action)
    query = read_query(index, submitted)
    with index.database.read(viewer) as unit:
        found = find_persons(unit, index, query)
        wanted = [one.enterprise_id for one in found.results if one.enterprise_id not in known]
        reads, refusals = _read_records(unit, index, wanted)
    lines = [found.disclosure, *(read.disclosure for read in reads.values())]
    disclose_search(index, viewer, lines, found.members)
    return FoundRecords(found.results, {eid: read.record for eid, read in reads.items()}, refusals)


def _read_records(
    unit: ReadUnit, index: Index, enterprise_ids: Collection[str]
) -> tuple[dict[str, GoldenRecordRead], dict[str, NotFoundError]]:
    """Return golden records by enterprise ID, and the errors of hidden ones."""
    reads: dict[str, GoldenRecordRead] = {}
    refusals: dict[str, NotFoundError] = {}
    for enterprise_id in enterprise_ids:
        try:
            reads[enterprise_id] = read_golden_record(unit, index, enterprise_id)
        except NotFoundError as error:
            refusals[enterprise_id] = error
    return reads, refusals

"""Derive the rosters again from the records, and check them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from mpi.domain.source import CARE_KINDS, SourceKind
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.statements.care_times import list_care_rows, list_enrollment_rows
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

_PAGE = 2_000
"""Records that are read and derived at a time."""
_Rows = list[dict[str, Any]]


def rebuild_rosters(index: Index, viewer: Viewer) -> int:
    """Derive all days in care and in school, and the rosters, again.

    All active records are read with their earlier versions, since the undo of a load may bring those back.
    Each page of records is a transaction of its own, so an interrupted call is only repeated.

    Returns:
        The number of records that were read.
    """
    with index.database.read(viewer) as unit:
        pages = list(_list_pages(unit))
    for source, record_ids in pages:
        with index.database.write(viewer, "rosters") as unit:
            versions = unit.record_versions.versions_of_records(record_ids).values()
            contents = {version.id: version.payload for group in versions for version in group}
            unit.care_rosters.replace_periods(list(contents), *_derive(index, source, contents))
            unit.care_rosters.sync(record_ids, unit.commit_no)
    return sum(len(record_ids) for _, record_ids in pages)


def count_wrong_rows(unit: ReadUnit, index: Index) -> int:
    """Count rows of days and rosters that the records do not support."""
    wrong = 0
    for source, record_ids in _list_pages(unit):
        stored_records = unit.records.get(record_ids).values()
        versions = [record.version_id for record in stored_records if record.version_id is not None]
        expected = _derive(index, source, unit.record_versions.payloads_of_versions(versions))
        for stored_rows, expected_rows in zip(unit.care_rosters.periods(versions), expected, strict=True):
            wrong += len(set(stored_rows) ^ {tuple(row.values()) for row in expected_rows})
    return wrong + unit.care_rosters.count_wrong()


def _list_pages(unit: ReadUnit) -> Iterator[tuple[Source, Sequence[int]]]:
    """Yield the active records of child welfare and of schools, by page."""
    for source in unit.sources.all():
        if source.kind in CARE_KINDS or source.kind == SourceKind.SIS:
            numbers = iter(unit.records.ids_of_source(source.id, [RecordState.ACTIVE]))
            while page := list(islice(numbers, _PAGE)):
                yield source, page


def _derive(index: Index, source: Source, contents: Mapping[int, bytes]) -> tuple[_Rows, _Rows]:
    """Return the days in care and in school that versions state."""
    if source.kind in CARE_KINDS:
        return list(list_care_rows(index.keyed_hash, source, contents)), []
    return [], list(list_enrollment_rows(contents))

"""Derive the rosters again from the records, and check them."""

from collections.abc import Iterator, Sequence
from itertools import islice

from mpi.domain.source import CARE_KINDS, SourceKind
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.statements.care_times import list_care_rows, list_enrollment_rows
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

_PAGE = 5_000
"""Records that are read and derived at a time."""
_Rows = list[dict[str, object]]


def rebuild_rosters(index: Index, viewer: Viewer) -> int:
    """Derive the days in care and in school of all active records, and the rosters, again.

    Each page of records is a transaction of its own, so an interrupted call is only repeated.

    Returns:
        The number of records that were read.
    """
    with index.database.read(viewer) as unit:
        pages = list(_list_pages(unit))
    for source, record_ids in pages:
        with index.database.write(viewer, "rosters") as unit:
            versions, care, enrollments = _derive(unit, index, source, record_ids)
            unit.care_rosters.replace_periods(versions, care, enrollments)
            unit.care_rosters.sync(record_ids, unit.commit_no)
    return sum(len(record_ids) for _, record_ids in pages)


def count_wrong_rows(unit: ReadUnit, index: Index) -> int:
    """Count the rows of days and rosters that the records do not bear out."""
    wrong = 0
    for source, record_ids in _list_pages(unit):
        versions, *expected = _derive(unit, index, source, record_ids)
        stored = unit.care_rosters.periods(versions)
        for stored_rows, expected_rows in zip(stored, expected, strict=True):
            wrong += len(set(stored_rows) ^ {tuple(row.values()) for row in expected_rows})
    return wrong + unit.care_rosters.count_wrong()


def _list_pages(unit: ReadUnit) -> Iterator[tuple[Source, Sequence[int]]]:
    """Yield the active records of child welfare and of schools, by page."""
    for source in unit.sources.all():
        if source.kind in CARE_KINDS or source.kind == SourceKind.SIS:
            numbers = iter(unit.records.ids_of_source(source.id, [RecordState.ACTIVE]))
            while page := list(islice(numbers, _PAGE)):
                yield source, page


def _derive(
    unit: ReadUnit, index: Index, source: Source, record_ids: Sequence[int]
) -> tuple[list[int], _Rows, _Rows]:
    """Return the active versions of records, with their days in care and in school."""
    stored = unit.records.get(record_ids).values()
    versions = [record.version_id for record in stored if record.version_id is not None]
    contents = unit.record_versions.payloads_of_versions(versions)
    if source.kind in CARE_KINDS:
        return versions, list(list_care_rows(index.keyed_hash, source, contents)), []
    return versions, [], list(list_enrollment_rows(contents))

"""Disclosures of a district's records, for the students' files.

34 CFR 99.32 asks for the parties that received information from the record, and their legitimate interests.
An answer about a record of another source too, or about one that was destroyed since, is left out: a district
that read of it would learn that another agency holds the child. What is left out is for counsel to add.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from mpi.domain import clock
from mpi.domain.record import SENT_FIELDS
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.storage.repositories.sources.records import RecordState

HEADER = ("local_id", "at_utc", "who", "purpose", "agreement", "action", "fields")
_FIRST_DAY = "0001-01-01"


@dataclass(frozen=True, slots=True)
class StudentDisclosure:
    """An answer that told of one record.

    Args:
        local_id: the district's key of the student.
        at: when it left (ISO, UTC).
        client: who received it.
        purpose: the interest that the call named.
        agreement: code of the agreement.
        action: kind of request.
        fields: names of the fields of a record; no reason that a reader gave.
    """

    local_id: str
    at: str
    client: str
    purpose: str | None
    agreement: str | None
    action: str
    fields: tuple[str, ...]


def list_disclosures_of_source(
    index: Index, viewer: Viewer, source: str, first_day: date | None = None, last_day: date | None = None
) -> Iterator[StudentDisclosure]:
    """Return the answers about a source's records alone, record by record.

    Sealed and destroyed records are left out, and so are the answers to those who sent a record. The export
    has a line of its own on the ledger before its first row leaves.

    Args:
        index: the open index.
        viewer: who exports.
        source: code of the source.
        first_day: first day in UTC; None for the first of all.
        last_day: last day in UTC; None for today.

    Raises:
        NotFoundError: there is no such source.
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    with index.database.read(viewer) as unit:
        source_id = unit.sources.get_by_code(source).id
        records = unit.records.ids_of_source(source_id, (RecordState.ACTIVE, RecordState.WITHDRAWN))
    handle = f"ledger-of-{source}@{clock.format_timestamp(clock.now())}"
    disclose(index, viewer, Action.LEDGER_READ, (), HEADER, handle)
    since = _FIRST_DAY if first_day is None else first_day.isoformat()
    # "~" sorts after every time of the day, also of the last day that there is.
    until = f"{(last_day or clock.now().date()).isoformat()}~"
    return _iterate(index, viewer, records, since, until)


def _iterate(
    index: Index, viewer: Viewer, records: list[int], since: str, until: str
) -> Iterator[StudentDisclosure]:
    """Yield the answers about records, in one transaction."""
    with index.database.read(viewer) as unit:
        labels = visible_labels(unit, records)
        for record, line in unit.disclosure_search.iterate_by_record(sorted(labels), since, until):
            if line.lost_records or not labels.keys() >= set(line.record_ids):
                continue
            if line.action == Action.RECORD_WRITE:
                continue  # Its sender was answered, and nobody else.
            yield StudentDisclosure(
                labels[record].local_id,
                line.at,
                line.client,
                line.purpose,
                line.agreement,
                line.action,
                tuple(name for name in line.fields if name in SENT_FIELDS),
            )


def to_cells(row: StudentDisclosure) -> tuple[str, ...]:
    """Return the cells of a row, in the order of ``HEADER``."""
    return (
        row.local_id, row.at, row.client, row.purpose or "", row.agreement or "", row.action,
        " ".join(row.fields),
    )  # fmt: skip

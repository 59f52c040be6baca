"""Records that a file states as gone: withdrawn, and noted as gone.

A full snapshot states it of each record that it lacks, a delta of those that it names.
"""

from dataclasses import dataclass

from mpi.service.loads.file_impact import FileImpact
from mpi.service.loads.receipt import Receipt
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.unit_of_work.units import WriteUnit


@dataclass(frozen=True, slots=True)
class MissingRecords:
    """Records that a file states as gone, whose persons must be recomputed.

    Args:
        withdrawn: records that the file withdrew.
        overlaid: other records with a version held for review.
    """

    withdrawn: set[int]
    overlaid: set[int]


NO_MISSING_RECORDS = MissingRecords(set(), set())


def withdraw_missing(unit: WriteUnit, impact: FileImpact, as_of: str, receipt: Receipt) -> MissingRecords:
    """Withdraw the records stated as gone, and store their absence.

    The absence is stored before the records' persons are recomputed, because it ends the wait of older
    versions that are held for review.

    Args:
        unit: the transaction.
        impact: what the file changes of its source.
        as_of: when the file was true at its source (ISO, UTC).
        receipt: load receipt to which the withdrawn records are added.

    Returns:
        The records to be resolved.
    """
    withdrawn = withdraw_records(unit, impact.select_missing_active(as_of), as_of, receipt)
    note_absence(unit, impact.missing, as_of, receipt)
    # A record that its source has stated since stays active; only its held version may end.
    return MissingRecords(withdrawn, {record.id for record in impact.missing if record.overlaid} - withdrawn)


def withdraw_records(unit: WriteUnit, records: list[StoredRecord], as_of: str, receipt: Receipt) -> set[int]:
    """Withdraw those of the given records that are unchanged since their read.

    Returns:
        The withdrawn records, to be resolved.
    """
    current = unit.records.get([record.id for record in records])
    unchanged = [
        stored_record.id
        for stored_record in current.values()
        if stored_record.state == RecordState.ACTIVE and stored_record.last_seen <= as_of
    ]
    unit.records.set_state(unchanged, RecordState.WITHDRAWN)
    receipt.withdrawn += len(unchanged)
    receipt.received += len(unchanged)
    return set(unchanged)


def note_absence(unit: WriteUnit, records: list[StoredRecord], as_of: str, receipt: Receipt) -> None:
    """Store for each record that the load's file states it as gone."""
    assertions = (
        Sighting(
            record_id=record.id,
            kind=SightingKind.GONE,
            as_of=as_of,
            version_id=None,
            batch_id=receipt.batch,
        )
        for record in records
    )
    unit.record_assertions.add(assertions, unit.commit_no)

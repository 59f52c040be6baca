"""What a file means for the records that its source has: which it lacks, and what its guards ask about."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mpi.service.core.identity_key import who
from mpi.service.loads.guards import LoadEffect
from mpi.service.loads.row_intake import ValidatedFile
from mpi.service.statements.intake import Verdict, judge
from mpi.standardize.payload import from_payload
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.unit_of_work.unit import ReadUnit


@dataclass(slots=True)
class FileImpact:
    """What a source has, as far as its file bears on it.

    Args:
        active_count: how many active records there are.
        renamed_count: how many of them would change name or birth date.
        sealed_count: how many of them would be sealed or expunged.
        missing: records that a full snapshot says are gone, also those that their source has stated since.
        held_ids: records of which something waits; only of a full snapshot.
        spared_count: active records that would be withdrawn if every row had a local ID.
    """

    active_count: int
    renamed_count: int = 0
    sealed_count: int = 0
    missing: list[StoredRecord] = field(default_factory=list)
    held_ids: list[int] = field(default_factory=list)
    spared_count: int = 0

    def select_missing_active(self, as_of: str) -> list[StoredRecord]:
        """Active records that a full snapshot lacks, and that their source has not stated since."""
        return _select_not_seen_since(self.missing, as_of, RecordState.ACTIVE)

    def select_missing_withdrawn(self, as_of: str) -> list[StoredRecord]:
        """Withdrawn records that a full snapshot lacks as well: their source says again that they are gone.

        Without that, a statement from before the snapshot would bring one back if it came late, and not if
        it came in time.
        """
        return _select_not_seen_since(self.missing, as_of, RecordState.WITHDRAWN)

    def to_effect(self, as_of: str) -> LoadEffect:
        """What the load would do to its source, for the guards."""
        return LoadEffect(
            self.active_count, len(self.select_missing_active(as_of)), self.renamed_count, self.sealed_count
        )


def assess_file(unit: ReadUnit, source_id: int, file: ValidatedFile, as_of: str, *, full: bool) -> FileImpact:
    """See what a file means for its source's records; of a delta only those that it names are read.

    A record whose row was refused is not lacking. Where a row had no readable local ID it may be any
    record's, so none is taken for gone.

    Args:
        unit: the transaction.
        source_id: the source.
        file: the file.
        as_of: when the file was true at its source.
        full: whether the file is a full snapshot.
    """
    impact = FileImpact(unit.records.states_of(source_id).get(RecordState.ACTIVE, 0))
    updated: list[StoredRecord] = []
    for record in _each_differing(unit, source_id, file) if full else _each_named(unit, source_id, file):
        heading = file.headings.get(record.local_id)
        if heading is not None:
            verdict = judge(record, heading)
            impact.sealed_count += record.state == RecordState.ACTIVE and verdict is Verdict.SEALED
            if record.state == RecordState.ACTIVE and verdict is Verdict.UPDATED:
                updated.append(record)
        elif full and record.local_id not in file.refused_ids and record.state != RecordState.SEALED:
            impact.missing.append(record)
        if full and record.state == RecordState.HELD:
            impact.held_ids.append(record.id)
    impact.renamed_count = sum(_count_renamed(unit, file, page) for page in iter_chunks(updated))
    if file.nameless_count:
        impact.spared_count, impact.missing = len(impact.select_missing_active(as_of)), []
    return impact


def _each_differing(unit: ReadUnit, source_id: int, file: ValidatedFile) -> Iterator[StoredRecord]:
    """The records of which the file does not say again what stands, and those that it seals.

    A seal that was to begin later is said in the same words when it has begun.
    """

    def get_hash(local_id: str) -> str | None:
        heading = file.headings.get(local_id)
        return None if heading is None or heading.sealing else heading.content_hash

    return unit.records.each_but(source_id, get_hash)


def _each_named(unit: ReadUnit, source_id: int, file: ValidatedFile) -> Iterator[StoredRecord]:
    for local_ids in iter_chunks(file.headings):
        yield from unit.records.find(source_id, local_ids).values()


def _count_renamed(unit: ReadUnit, file: ValidatedFile, updated: Iterable[StoredRecord]) -> int:
    identity_of = {record.id: file.headings[record.local_id].who for record in updated}
    payloads = unit.records.payloads(identity_of)
    return sum(
        identity is not None and who(from_payload(payloads[record_id][1])) != identity
        for record_id, identity in identity_of.items()
    )


def _select_not_seen_since(
    records: Iterable[StoredRecord], as_of: str, state: RecordState
) -> list[StoredRecord]:
    return [record for record in records if record.state == state and record.last_seen <= as_of]

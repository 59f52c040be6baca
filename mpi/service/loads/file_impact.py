"""Assess what a file means for its source's stored records.

The assessment lists the records that the file lacks, and the counts that the load guards check.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain

from mpi.domain.snapshot import Snapshot
from mpi.intake.totals_row import TOTALS_ROW
from mpi.service.core.name_and_birth_key import identity_key
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.loads.load_guards import LoadEffect, RowChange, find_hold_reason, find_row_hold_reason
from mpi.service.loads.open_outcomes import count_file_rows
from mpi.service.loads.row_intake import ValidatedFile
from mpi.service.statements.statement_judgement import StatementOutcome, judge_statement
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(slots=True)
class FileImpact:
    """What loading a file would change in the records of its source.

    Args:
        active_count: number of active records.
        renamed_count: number of active records whose name or birth date would change.
        sealed_count: number of active records that would be sealed or expunged.
        missing: records that the file states as gone, even if the source has stated them since.
        held_ids: records with a held version; of a full snapshot, and of records that are stated as gone.
        spared_count: active records that would be withdrawn if every row had a local ID.
        received_count: number of rows of the file.
        rejected_count: number of rows that are rejected, without totals.
        newer_count: active records that a full snapshot lacks, and that were stated after its as-of.
    """

    active_count: int
    renamed_count: int = 0
    sealed_count: int = 0
    missing: list[StoredRecord] = field(default_factory=list)
    held_ids: list[int] = field(default_factory=list)
    spared_count: int = 0
    received_count: int = 0
    rejected_count: int = 0
    newer_count: int = 0

    def select_missing_active(self, as_of: str) -> list[StoredRecord]:
        """Return active records missing from the file and not stated since.

        Args:
            as_of: when the file was true at its source (ISO, UTC).
        """
        return _select_not_seen_since(self.missing, as_of, RecordState.ACTIVE)

    def select_missing_withdrawn(self, as_of: str) -> list[StoredRecord]:
        """Return withdrawn records that the file states as gone again.

        The source states their absence again. Otherwise a statement from before the snapshot would bring such
        a record back if it came late, and not if it came in time.

        Args:
            as_of: when the file was true at its source (ISO, UTC).
        """
        return _select_not_seen_since(self.missing, as_of, RecordState.WITHDRAWN)

    def to_effect(self, as_of: str) -> LoadEffect:
        """Return the withdrawal, change and seal counts that load guards check.

        Args:
            as_of: when the file was true at its source (ISO, UTC).
        """
        return LoadEffect(
            self.active_count,
            len(self.select_missing_active(as_of)),
            self.renamed_count,
            self.sealed_count,
            self.received_count,
            self.rejected_count,
        )


def assess_file(
    unit: ReadUnit,
    source_id: int,
    file: ValidatedFile,
    as_of: str,
    *,
    full: bool,
    gone: AbstractSet[str] = frozenset(),
) -> FileImpact:
    """Assess what loading a file would change in its source's records.

    For a delta, only the records that the file names are read. A record whose row was refused is not missing.
    If a row has no readable local ID it may be any record's, so only records that are stated as gone count as
    missing.

    Args:
        unit: the transaction.
        source_id: the source.
        file: the validated file.
        as_of: when the file was true at its source (ISO, UTC).
        full: whether the file is a full snapshot.
        gone: local IDs of records that the source states as gone. A row of the file overrules it.
    """
    impact = FileImpact(unit.records.count_active(source_id))
    updated: list[StoredRecord] = []
    for record in (
        _each_differing(unit, source_id, file) if full else _each_named(unit, source_id, file, gone)
    ):
        heading = file.headings.get(record.local_id)
        if heading is not None:
            verdict = judge_statement(record, heading)
            impact.sealed_count += record.state == RecordState.ACTIVE and verdict is StatementOutcome.SEALED
            if record.state == RecordState.ACTIVE and verdict is StatementOutcome.UPDATED:
                updated.append(record)
        elif record.local_id not in file.refused_ids and record.state != RecordState.SEALED:
            impact.missing.append(record)
        if (full or heading is None) and record.state == RecordState.HELD:
            impact.held_ids.append(record.id)
    impact.received_count = file.received_count
    impact.rejected_count = sum(reject.reason != TOTALS_ROW for reject in file.rejects)
    impact.newer_count = sum(
        record.state == RecordState.ACTIVE and record.last_seen > as_of for record in impact.missing
    )
    impact.renamed_count = sum(_count_renamed(unit, file, page) for page in iter_chunks(updated))
    if full and file.nameless_count:
        spared = [record for record in impact.missing if record.local_id not in gone]
        impact.spared_count = len(_select_not_seen_since(spared, as_of, RecordState.ACTIVE))
        impact.missing = [record for record in impact.missing if record.local_id in gone]
    return impact


def find_load_hold(
    unit: ReadUnit,
    source: Source,
    file: ValidatedFile,
    impact: FileImpact,
    as_of: str,
    *,
    full: bool,
    gone: AbstractSet[str] = frozenset(),
) -> str | None:
    """Return why the load of a file needs confirmation, or None.

    Of a source with minimum holdings the rows of its files are compared, not its stored records.

    Args:
        unit: the transaction.
        source: the source of the file.
        file: the validated file.
        impact: what loading it would change.
        as_of: when the file was true at its source (ISO, UTC).
        full: whether the file is a full snapshot.
        gone: local IDs of records that the source states as gone.
    """
    if source.code not in find_limited_sources(unit):
        return find_hold_reason(impact.to_effect(as_of))
    earlier = _count_earlier_rows(unit, source)
    lost = earlier - file.received_count if full else len(gone - file.headings.keys())
    sealed = sum(heading.seal_kind is not None for heading in file.headings.values())
    return find_row_hold_reason(
        RowChange(earlier, max(0, lost), sealed, impact.received_count, impact.rejected_count)
    )


def _count_earlier_rows(unit: ReadUnit, source: Source) -> int:
    """Return the rows of a source's last full, or largest, file."""
    batches = unit.batches.list_complete(source.id, Snapshot.FULL)[:1]
    batches = batches or unit.batches.list_complete(source.id, Snapshot.DELTA)
    return max((count_file_rows(batch.counts)["received"] for batch in batches), default=0)


def _each_differing(unit: ReadUnit, source_id: int, file: ValidatedFile) -> Iterator[StoredRecord]:
    """Yield the source's records that the file changes, seals or lacks.

    A seal that was to begin later has equal content once it has begun, so sealing rows always count as
    changed.
    """

    def get_hash(local_id: str) -> str | None:
        heading = file.headings.get(local_id)
        return None if heading is None or heading.seal_kind else heading.content_hash

    return unit.records.iterate_changed(source_id, get_hash)


def _each_named(
    unit: ReadUnit, source_id: int, file: ValidatedFile, gone: AbstractSet[str]
) -> Iterator[StoredRecord]:
    """Yield the stored records that the file states, also as gone."""
    for local_ids in chain(iter_chunks(file.headings), iter_chunks(gone - file.headings.keys())):
        yield from unit.records.find_by_local_ids(source_id, local_ids).values()


def _count_renamed(unit: ReadUnit, file: ValidatedFile, updated: Iterable[StoredRecord]) -> int:
    """Count the records whose name or birth date the file changes."""
    identity_of = {record.id: file.headings[record.local_id].identity_key for record in updated}
    payloads = unit.record_versions.payloads(identity_of)
    return sum(
        identity is not None and identity_key(record_from_bytes(payloads[record_id][1])) != identity
        for record_id, identity in identity_of.items()
    )


def _select_not_seen_since(
    records: Iterable[StoredRecord], as_of: str, state: RecordState
) -> list[StoredRecord]:
    """Return records of one state that were last stated by ``as_of``."""
    return [record for record in records if record.state == state and record.last_seen <= as_of]

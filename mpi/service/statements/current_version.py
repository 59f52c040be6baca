"""Choice of the version that currently stands for a record.

The latest assertion wins: greatest as-of, then latest receipt. Assertions of an undone load do not count, nor
do those that wait because their source is paused or because they are suspected overlays. The result equals
what upserts, withdrawals and loads reach step by step.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mpi.service.core.index import Index
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.statements.carried_restrictions import update_carried_restrictions
from mpi.service.statements.overlay_detection import recheck_overlays
from mpi.service.statements.sources import require_own_source
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.record_assertions import RecordAssertion
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


@dataclass(slots=True)
class RestatedRecords:
    """Records whose current version was chosen again, and what that changed.

    Args:
        changed: records with another current version, to be indexed again.
        removed: records that no longer take part.
        record_ids: all records whose current version was recomputed.
        overlay_suspects: records with a version that is, or was, a suspected overlay.
    """

    changed: dict[int, ChangedRecord] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    record_ids: set[int] = field(default_factory=set)
    overlay_suspects: set[int] = field(default_factory=set)

    def add(self, other: "RestatedRecords") -> None:
        """Add the changes of other records to these."""
        self.changed.update(other.changed)
        self.removed |= other.removed
        self.record_ids |= other.record_ids
        self.overlay_suspects |= other.overlay_suspects


def recompute_current_versions(
    unit: WriteUnit, index: Index, record_ids: Collection[int], *, is_from_scope: bool = False
) -> RestatedRecords:
    """Make the latest valid version of each unsealed record current.

    Args:
        unit: the transaction.
        index: the open index.
        record_ids: records whose assertions (receipts of a version) were added, undone, held or released.
        is_from_scope: whether the scope of the records' source passes the change on.

    Raises:
        ConflictError: the records are sent to the index of a scope.
    """
    records = {
        record_id: record
        for record_id, record in unit.records.get(record_ids).items()
        if record.state != RecordState.SEALED
    }
    if not is_from_scope:
        source_ids = {record.source_id for record in records.values()}
        for source in unit.sources.all():
            if source.id in source_ids:
                require_own_source(source)
    overlaid_records = unit.record_versions.open_overlays(records)
    assertions_by_record = recheck_overlays(unit, index, unit.record_assertions.assertions_about(records))
    current = {
        record_id: _current_assertion(assertions) for record_id, assertions in assertions_by_record.items()
    }
    restricted_anew = update_carried_restrictions(unit, records, assertions_by_record)
    changes = RestatedRecords(record_ids=set(records), overlay_suspects=set(overlaid_records))
    activated: dict[int, RecordAssertion] = {}
    for record_id, record in records.items():
        current_assertion = current[record_id]
        if current_assertion is not None and current_assertion.version_id is not None:
            if record.state != RecordState.ACTIVE or record.version_id != current_assertion.version_id:
                activated[record_id] = current_assertion
        elif record.state == RecordState.ACTIVE:
            changes.removed.add(record_id)
    suspect_versions = {
        assertion.version_id
        for assertions in assertions_by_record.values()
        for assertion in assertions
        if assertion.is_doubted
    }
    _activate_versions(unit, records, activated, suspect_versions)
    restated = restricted_anew.union(activated) - changes.removed
    changes.changed.update(read_changed_records(unit, index, records, restated))
    _set_inactive_states(unit, records, assertions_by_record, current, activated)
    unit.records.update_last_seen(
        {
            record_id: max(
                (assertion.as_of for assertion in assertions_by_record[record_id] if not assertion.is_held),
                default="",
            )
            for record_id in records
        }
    )
    return changes


def _current_assertion(assertions: Collection[RecordAssertion]) -> RecordAssertion | None:
    return max(
        (assertion for assertion in assertions if not assertion.is_held),
        key=lambda assertion: assertion.sort_key,
        default=None,
    )


def _activate_versions(
    unit: WriteUnit,
    records: Mapping[int, StoredRecord],
    activated: Mapping[int, RecordAssertion],
    suspect_versions: Collection[int | None],
) -> None:
    replaced_versions = (
        {records[record_id].version_id for record_id in activated} - {None} - set(suspect_versions)
    )
    ended_versions = [version for version in replaced_versions if version is not None]
    unit.record_versions.end_versions(ended_versions, unit.commit_no if ended_versions else 0)
    unit.records.activate(
        [
            {"record_id": record_id, "version_id": assertion.version_id, "as_of": assertion.as_of}
            for record_id, assertion in activated.items()
        ]
    )
    unit.record_versions.revive_versions(
        [assertion.version_id for assertion in activated.values() if assertion.version_id is not None]
    )


def read_changed_records(
    unit: ReadUnit, index: Index, records: Mapping[int, StoredRecord], record_ids: Collection[int]
) -> dict[int, ChangedRecord]:
    """Standardize the present content of records again.

    Args:
        unit: the transaction.
        index: the open index.
        records: stored records, those wanted among them.
        record_ids: the records wanted; those that take no part are left out.
    """
    payloads = unit.record_versions.payloads(record_ids)
    if not payloads:
        return {}
    codes = {source.id: source.code for source in unit.sources.all()}
    shared = index.shared_values(unit)
    changed = {}
    for record_id, (source_id, payload) in payloads.items():
        record = record_from_bytes(payload)
        features = index.features_of(record, codes[source_id], shared)
        changed[record_id] = ChangedRecord(records[record_id].group_id, features, record.merged_into)
    return changed


def _set_inactive_states(
    unit: WriteUnit,
    records: Mapping[int, StoredRecord],
    assertions_by_record: Mapping[int, Collection[RecordAssertion]],
    current: Mapping[int, RecordAssertion | None],
    activated: Mapping[int, RecordAssertion],
) -> None:
    """Set records without a current version to held or withdrawn state.

    A record is held where a newer version waits.
    """
    held, withdrawn, unstated = [], [], []
    for record_id, record in records.items():
        current_assertion = current[record_id]
        if record_id in activated or (
            current_assertion is not None and current_assertion.version_id is not None
        ):
            continue
        held_assertions = [assertion for assertion in assertions_by_record[record_id] if assertion.is_held]
        if held_assertions and (
            current_assertion is None
            or max(assertion.sort_key for assertion in held_assertions) > current_assertion.sort_key
        ):
            held.append(record_id)
        elif record.state != RecordState.WITHDRAWN:
            withdrawn.append(record_id)
        if current_assertion is None and not held_assertions:
            unstated.append(record_id)
    unit.records.set_state(held, RecordState.HELD)
    unit.records.set_state(withdrawn, RecordState.WITHDRAWN)
    unit.records.clear_versions(unstated)

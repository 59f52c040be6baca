"""Standing: which statement of its source stands for a record, told anew from all that was said.

The latest stands: greatest as-of, then receipt. Statements of a load that was undone do not count, nor do
those that wait while their source is paused, or because by them the record would become another child. What
an upsert, a withdrawal or a load does step by step comes to the same.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mpi.service.core.index import Index
from mpi.service.indexing.reindex import ChangedRecord
from mpi.service.statements.overlay_detection import recheck_overlays
from mpi.standardize.payload import record_from_bytes
from mpi.storage.repositories.sources.record_assertions import RecordAssertion
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.unit_of_work.unit import WriteUnit


@dataclass(slots=True)
class RestatedRecords:
    """What telling records anew changed.

    Args:
        changed: records that another statement stands for, to be indexed again.
        removed: records that no longer take part.
        record_ids: all records that were told anew.
        overlay_suspects: records of which a version waits, or waited, because it says that they are another child.
    """

    changed: dict[int, ChangedRecord] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    record_ids: set[int] = field(default_factory=set)
    overlay_suspects: set[int] = field(default_factory=set)

    def add(self, other: "RestatedRecords") -> None:
        """Take in what telling others anew changed."""
        self.changed.update(other.changed)
        self.removed |= other.removed
        self.record_ids |= other.record_ids
        self.overlay_suspects |= other.overlay_suspects


def recompute_current_versions(unit: WriteUnit, index: Index, record_ids: Collection[int]) -> RestatedRecords:
    """Let the statement that stands be the active version of each record; a sealed one stays as it is.

    Args:
        unit: the transaction.
        index: for standardizing.
        record_ids: records of which something was said, taken back, held or let go.
    """
    records = {
        number: record
        for number, record in unit.records.get(record_ids).items()
        if record.state != RecordState.SEALED
    }
    overlaid = unit.records.open_overlays(records)
    heard = recheck_overlays(unit, index, unit.record_assertions.assertions_about(records))
    stands = {number: _current_assertion(said) for number, said in heard.items()}
    found = RestatedRecords(record_ids=set(records), overlay_suspects=set(overlaid))
    activated: dict[int, RecordAssertion] = {}
    for number, record in records.items():
        standing = stands[number]
        if standing is not None and standing.version_id is not None:
            if record.state != RecordState.ACTIVE or record.version_id != standing.version_id:
                activated[number] = standing
        elif record.state == RecordState.ACTIVE:
            found.removed.add(number)
    doubted = {one.version_id for said in heard.values() for one in said if one.is_doubted}
    _activate_versions(unit, records, activated, doubted)
    found.changed.update(_changed_records(unit, index, records, activated))
    _set_inactive_states(unit, records, heard, stands, activated)
    unit.records.update_last_seen(
        {n: max((one.as_of for one in heard[n] if not one.is_held), default="") for n in records}
    )
    return found


def _current_assertion(said: Collection[RecordAssertion]) -> RecordAssertion | None:
    return max((one for one in said if not one.is_held), key=lambda one: one.sort_key, default=None)


def _activate_versions(
    unit: WriteUnit,
    records: Mapping[int, StoredRecord],
    activated: Mapping[int, RecordAssertion],
    doubted: Collection[int | None],
) -> None:
    stood = {records[number].version_id for number in activated} - {None} - set(doubted)
    ended = [version for version in stood if version is not None]
    unit.records.end_versions(ended, unit.commit_no if ended else 0)
    unit.records.activate(
        [
            {"record_id": number, "version_id": one.version_id, "as_of": one.as_of}
            for number, one in activated.items()
        ]
    )
    unit.records.revive_versions([one.version_id for one in activated.values() if one.version_id is not None])


def _changed_records(
    unit: WriteUnit,
    index: Index,
    records: Mapping[int, StoredRecord],
    activated: Mapping[int, RecordAssertion],
) -> dict[int, ChangedRecord]:
    codes = {source.id: source.code for source in unit.sources.all()}
    payloads = unit.records.payloads(activated)
    if not payloads:
        return {}
    shared = index.shared_values(unit)
    found = {}
    for number, (source_id, payload) in payloads.items():
        record = record_from_bytes(payload)
        features = index.features_of(record, codes[source_id], shared)
        found[number] = ChangedRecord(records[number].group_id, features, record.merged_into)
    return found


def _set_inactive_states(
    unit: WriteUnit,
    records: Mapping[int, StoredRecord],
    heard: Mapping[int, Collection[RecordAssertion]],
    stands: Mapping[int, RecordAssertion | None],
    activated: Mapping[int, RecordAssertion],
) -> None:
    """Set the state of records that take no part: held where something newer waits, withdrawn otherwise."""
    held, withdrawn, untold = [], [], []
    for number, record in records.items():
        standing = stands[number]
        if number in activated or (standing is not None and standing.version_id is not None):
            continue
        waiting = [one for one in heard[number] if one.is_held]
        if waiting and (standing is None or max(one.sort_key for one in waiting) > standing.sort_key):
            held.append(number)
        elif record.state != RecordState.WITHDRAWN:
            withdrawn.append(number)
        if standing is None and not waiting:
            untold.append(number)
    unit.records.set_state(held, RecordState.HELD)
    unit.records.set_state(withdrawn, RecordState.WITHDRAWN)
    unit.records.clear_versions(untold)

"""The end of a seal, after which a record takes part again.

The statements that sealed the record count no more. So the record is what it would be if they had never come,
with the same enterprise ID.
"""

from collections.abc import Collection, Mapping

from mpi.service.core.index import Index
from mpi.service.resolution.resolve import ResolveInputs, resolve
from mpi.service.statements.boundary_orders import record_orders
from mpi.service.statements.correction_records import list_corrections_ever_made
from mpi.service.statements.current_version import RestatedRecords, recompute_current_versions
from mpi.service.statements.overlay_detection import REFUSED
from mpi.service.statements.statement import find_seal_kind
from mpi.service.statements.tombstones import is_buried
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.boundary_orders import OrderKind
from mpi.storage.repositories.sources.record_versions import StoredVersion
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

CAUSE = "upsert"
"""Cause of a record's events when its seal is lifted: who reads them is not told of the seal."""


def lift_seals(unit: WriteUnit, index: Index, references: Mapping[int, str | None]) -> None:
    """Lift the seals of records.

    Args:
        unit: the transaction.
        index: the open index.
        references: reference of the order that lifts the seal, by record number.
    """
    if not references:
        return
    record_orders(unit, index, OrderKind.UNSEAL, references)
    changes = release_records(unit, index, references)
    inputs = ResolveInputs(
        further_records=changes.overlay_suspects.union(references), reassessed_records=changes.record_ids
    )
    resolve(unit, index, changes.changed, changes.removed, CAUSE, further_inputs=inputs)


def release_records(
    unit: WriteUnit, index: Index, record_ids: Collection[int], *, is_from_scope: bool = False
) -> RestatedRecords:
    """Let sealed records take part again, without an order.

    The caller resolves what changes.

    Args:
        unit: the transaction.
        index: the open index.
        record_ids: the records. One whose content the index never had is no longer refused, and that is all.
        is_from_scope: whether records may be of sources whose records are sent to a scope.

    Returns:
        What has to be resolved.

    Raises:
        ConflictError: a record is sent to a scope, and may not be.
    """
    unit.tombstones.remove(record_ids)
    released = [record.id for record in unit.records.get(record_ids).values() if not is_buried(record)]
    if not released:
        return RestatedRecords()
    sealing = [version.id for record in released for version in list_sealing_versions(unit, record)]
    unit.record_versions.set_version_state(sealing, REFUSED)
    return _return_to_matching(unit, index, released, is_from_scope=is_from_scope)


def list_sealing_versions(unit: ReadUnit, record_id: int) -> list[StoredVersion]:
    """Return the versions that seal or expunge a record, oldest first."""
    return [
        version
        for version in unit.record_versions.versions(record_id)
        if version.state != REFUSED and find_seal_kind(record_from_bytes(version.payload)) is not None
    ]


def set_current_versions(
    unit: WriteUnit, versions: Mapping[int, tuple[int, str]], state: RecordState
) -> None:
    """Give records a state, and the version that stands for each.

    Args:
        unit: the transaction.
        versions: number and as-of of the version, by record.
        state: the state.
    """
    unit.records.activate(
        [
            {"record_id": record_id, "version_id": version_id, "as_of": as_of}
            for record_id, (version_id, as_of) in versions.items()
        ]
    )
    unit.record_versions.revive_versions([version_id for version_id, _ in versions.values()])
    unit.records.set_state(versions, state)


def _return_to_matching(
    unit: WriteUnit, index: Index, record_ids: Collection[int], *, is_from_scope: bool
) -> RestatedRecords:
    """Let records take part again, whose other statements count."""
    last_versions: dict[int, tuple[int, str]] = {}
    for record_id, assertions in unit.record_assertions.assertions_about(record_ids).items():
        for assertion in sorted(assertions, key=lambda assertion: assertion.sort_key):
            if assertion.version_id is not None and not assertion.is_held:
                last_versions[record_id] = (assertion.version_id, assertion.as_of)
    # Choosing the current version again then activates each record that its source has not withdrawn.
    set_current_versions(unit, last_versions, RecordState.WITHDRAWN)
    unstated = [record_id for record_id in record_ids if record_id not in last_versions]
    unit.records.clear_versions(unstated)
    unit.records.set_state(unstated, RecordState.WITHDRAWN)
    unit.records.set_state(list_corrections_ever_made(unit, record_ids), RecordState.ASIDE)
    return recompute_current_versions(unit, index, record_ids, is_from_scope=is_from_scope)

"""Separate two children who share one local ID.

A source has used a local ID for a second child, so a version of its record waits as an overlay. The first
child keeps the record. The second one gets a record of its own under a new local ID, with the content that
waits. The version is refused under the old local ID, also when it is sent again. The step is undone like any
other answer.
"""

from mpi.domain.errors import ConflictError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step, check_reason, step_transaction
from mpi.service.core.visibility import find_record_numbers
from mpi.service.indexing.reindex import reindex
from mpi.service.persons.step_effects import FIELDS, StepEffect, effect_fields
from mpi.service.resolution.resolve import LoadedRecords, resettle
from mpi.service.statements.overlay_detection import OVERLAY, REFUSED
from mpi.service.statements.sources import require_data_source
from mpi.service.statements.statement import Statement, build_statement
from mpi.service.statements.statement_intake import IntakeResult, write_statements
from mpi.service.statements.tombstones import merge_buried_records
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.service.stewardship.overlays import (
    REFUSE,
    SEPARATED,
    build_effect,
    reindex_records,
    require_waiting_versions,
)
from mpi.standardize.fields.scalars import parse_local_id, require_visible
from mpi.standardize.record_validation import refuse_ssn
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit


def separate_shared_id(
    index: Index,
    viewer: Viewer,
    record: RecordRef,
    new_local_id: str,
    reason: str = "shared-id",
    *,
    preview: bool = False,
) -> StepEffect:
    """Give the second child of a shared local ID its own record.

    Args:
        index: the open index.
        viewer: the steward, who may also write this source.
        record: the record with a version that waits.
        new_local_id: local ID of the second child, which no record has.
        reason: reason code.
        preview: change nothing.

    Raises:
        RecordError: the new local ID is invalid.
        InputError: the reason is invalid.
        NotFoundError: the viewer can see no such record.
        ConflictError: no version of the record waits, the new local ID is in use, or the source is paused.
        AccessDenied: the viewer may not decide, or may not write this source.
    """
    for action in (Action.DECIDE, Action.RECORD_WRITE):
        require_permission(viewer, action, record.source)
    reason_code = check_reason(reason)
    local_id = parse_local_id(new_local_id)
    require_visible(local_id)
    refuse_ssn("local_id", local_id)
    with step_transaction(index, viewer, OVERLAY, preview=preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(stored_answer, viewer)
        [(record_id,)] = find_record_numbers(unit, [[record]])
        waiting_versions = require_waiting_versions(unit, record_id)
        source = unit.sources.get_by_code(record.source)
        require_data_source(source)
        if source.paused:
            raise ConflictError(f"source {source.code!r} is paused: resume it first")
        written = _write_second_child(unit, index, source, (record_id, max(waiting_versions)), local_id)
        detail = {
            "record": record_id,
            "versions": sorted(waiting_versions),
            "verdict": REFUSE,
            SEPARATED: written.record_ids[local_id],
        }
        step_id = add_step(unit, OVERLAY, reason_code, detail)
        unit.record_versions.set_version_state(waiting_versions, REFUSED)
        restated, affected_records = reindex_records(unit, index, [record_id])
        affected_records |= reindex(unit, index, written.changed, set()).affected
        affected_records |= set(written.record_ids.values())
        settlement = resettle(
            unit,
            index,
            affected_records,
            "overlay separate",
            loaded=LoadedRecords({**restated.changed, **written.changed}),
        )
        effect, shown_records = build_effect(
            unit, index, OVERLAY, step_id, settlement, record_id, preview=preview
        )
        store_answer(unit, index, effect.as_dict(), shown_records)
    disclose(index, viewer, Action.DECIDE, shown_records, effect_fields(effect))
    return effect


def _write_second_child(
    unit: WriteUnit, index: Index, source: Source, waiting: tuple[int, int], local_id: str
) -> IntakeResult:
    """Store the content of a waiting version as a new record.

    Args:
        unit: the transaction.
        index: the open index.
        source: the source.
        waiting: number of the record, and of its version that waits.
        local_id: local ID of the new record.

    Raises:
        ConflictError: the local ID is in use.
    """
    record_id, version_id = waiting
    [version] = [each for each in unit.record_versions.versions(record_id) if each.id == version_id]
    content = record_from_bytes(version.payload)._replace(local_id=local_id, merged_into=None)
    statement = build_statement(content, ())._replace(as_of=version.as_of)
    present = unit.records.find_by_local_ids(source.id, [local_id])
    known = merge_buried_records(unit, index, (source.id, source.code), [local_id], present)
    if any(not _may_hold(unit, holder, statement) for holder in known.values()):
        raise ConflictError("another record has the new local ID: give one that no record has")
    return write_statements(unit, index, source, [statement], known)


def _may_hold(unit: WriteUnit, holder: StoredRecord, statement: Statement) -> bool:
    """Return whether a record takes no part and states nothing else.

    It is a placeholder, or what an undone separation left.
    """
    versions = unit.record_versions.versions(holder.id)
    return holder.state == "withdrawn" and all(version.payload == statement.payload for version in versions)

"""Withdrawal of one source record from its person."""

from dataclasses import replace

from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_visible_records
from mpi.service.persons.child_conditions import make_not_found
from mpi.service.persons.disclosure_recipients import DisclosureRecipients, find_recipients
from mpi.service.records.record_reader import describe_unknown_record
from mpi.service.records.upsert_result import Outcome, WithdrawalResult
from mpi.service.resolution.resolve import NO_FURTHER_INPUTS, ResolveInputs, resolve
from mpi.service.statements.current_version import recompute_current_versions
from mpi.service.statements.sources import require_own_source
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.unit_of_work.units import ReadUnit


def withdraw(index: Index, viewer: Viewer, source_code: str, local_id: str) -> WithdrawalResult:
    """Withdraw one record from its person; its history stays.

    Sending the record again returns it.

    Args:
        index: the open index.
        viewer: who withdraws it.
        source_code: its source.
        local_id: its local ID.

    Raises:
        NotFoundError: no such source, or no such record that the viewer may know of.
        ConflictError: the record is a steward's correction, which an undo takes back.
        AccessDenied: the viewer may not write this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    received = DisclosureRecipients()
    with index.database.write(viewer, "withdraw") as unit:
        if (stored_answer := find_stored_answer(unit, index, ("outcome",), Action.RECORD_WRITE)) is not None:
            disclosed = stored_answer.get("disclosed") if viewer.sources is None else None
            return WithdrawalResult(
                source=source_code,
                local_id=local_id,
                enterprise_id=None,
                outcome=Outcome.WITHDRAWN,
                record="withdrawn",
                disclosed=disclosed,
            )
        require_own_source(unit.sources.get_by_code(source_code))
        record = _require_record(unit, source_code, local_id)
        if record.state == RecordState.ASIDE:
            raise ConflictError("the record is a steward's correction: undo its step instead")
        if record.state in (RecordState.ACTIVE, RecordState.HELD):
            as_of = max(record.last_seen, clock.format_timestamp(clock.now()))
            unit.record_assertions.add([Sighting(record.id, SightingKind.GONE, as_of)], unit.commit_no)
            version_changes = recompute_current_versions(unit, index, [record.id])
            inputs = (
                ResolveInputs(further_records=version_changes.overlay_suspects)
                if version_changes.overlay_suspects
                else NO_FURTHER_INPUTS
            )
            settlement = resolve(unit, index, {}, version_changes.removed, "withdraw", further_inputs=inputs)
            received = (
                DisclosureRecipients()
                if settlement is None
                else find_recipients(unit, settlement.persons_before)
            )
        result = WithdrawalResult(
            source=source_code,
            local_id=local_id,
            enterprise_id=None,
            outcome=Outcome.WITHDRAWN,
            record="withdrawn",
            disclosed=received.answer_count,
        )
        store_answer(unit, index, result.as_dict(), [record.id])
    fields = ("outcome", *(("source", "local_id", "disclosures") if received.latest else ()))
    disclose(index, viewer, Action.RECORD_WRITE, {record.id, *received.record_ids}, fields)
    return replace(result, disclosures=received.latest)


def _require_record(unit: ReadUnit, source_code: str, local_id: str) -> StoredRecord:
    """Return a record by local ID, if the viewer may see it."""
    source = unit.sources.get_by_code(source_code)
    record = find_visible_records(unit, source.id, [local_id]).get(local_id)
    if record is None:
        raise make_not_found(unit.viewer, describe_unknown_record(source_code))
    return record

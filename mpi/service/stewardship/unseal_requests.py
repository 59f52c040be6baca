"""Requests to lift a seal by a court order, and their answers.

One person with ``record.seal`` asks and names the order. Another approves. Only then does the record take
part again, as its other statements make it, with the same enterprise ID. What is asked of the index for a
time in which the seal held is answered as it was then.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass

from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.record import EXPUNGE_MARK
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_first_obstacle, find_obstacle
from mpi.service.core.undoable_steps import add_step, check_reason
from mpi.service.legal.references import check_reference
from mpi.service.statements.sources import require_own_source
from mpi.service.statements.tombstones import SURROGATE_MARK, merge_buried_records
from mpi.service.stewardship.seal_lifting import lift_seals
from mpi.storage.repositories.sources.boundary_orders import OpenUnsealRequest
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_RECORDS = 20
"""Most records that one call asks for, approves or refuses, each named by its local ID."""
ASKED, APPROVED, REFUSED = "asked", "approved", "refused"
UNSEAL = "unseal"
"""Kind of the step that answers such requests."""


@dataclass(frozen=True, slots=True)
class UnsealRequest:
    """A request to lift a seal, which waits for a second person.

    Args:
        source: code of the record's source.
        local_id: its local ID; empty where the index knows it only by a keyed hash, after a restore.
        reference: the court order's reference.
        requested_by: who asked.
        requested_at: when.
        may_answer: whether the viewer is a second person, who may answer it.
    """

    source: str
    local_id: str
    reference: str
    requested_by: str
    requested_at: str
    may_answer: bool


@dataclass(frozen=True, slots=True)
class UnsealAnswer:
    """Result of a request to lift seals, or of its answer.

    Args:
        source: code of the records' source.
        answer: ``asked``, ``approved`` or ``refused``.
        records: number of records.
    """

    source: str
    answer: str
    records: int


def request_unseals(
    index: Index, viewer: Viewer, source_code: str, local_ids: Collection[str], reference: str
) -> UnsealAnswer:
    """Ask to lift the seals of records by a court order.

    Nothing is unsealed until another person approves.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: source of the records.
        local_ids: the records, ``MAX_RECORDS`` at most.
        reference: the court order's own reference, such as its docket number; no name and no other personal
            data.

    Raises:
        InputError: the reference is missing or malformed, no record is named, or too many are.
        NotFoundError: one of the records is not sealed, or was expunged; nothing was asked.
        ConflictError: one of them waits already, or waits to be expunged; nothing was asked.
        AccessDenied: the viewer may not seal records of this source.
    """
    require_permission(viewer, Action.RECORD_SEAL, source_code)
    named = _check_named(local_ids)
    reference = check_reference(reference)
    with index.database.write(viewer, "unseal requested") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return UnsealAnswer(**stored_answer)
        source = unit.sources.get_by_code(source_code)
        require_own_source(source)
        records = _require_sealed(unit, index, source, named)
        first = unit.counters.take("unseal_request", len(records))
        unit.boundary_orders.add_unseal_requests(
            (number, record.id, reference, unit.commit_no) for number, record in enumerate(records, first)
        )
        result = UnsealAnswer(source_code, ASKED, len(records))
        store_answer(unit, index, asdict(result), ())
    return result


def list_unseal_requests(index: Index, viewer: Viewer) -> list[UnsealRequest]:
    """List the records whose seal waits to be lifted, oldest request first.

    Raises:
        AccessDenied: the viewer may not seal records.
    """
    require_permission(viewer, Action.RECORD_SEAL)
    with index.database.read(viewer) as unit:
        waiting = [
            row
            for row in unit.boundary_orders.open_unseal_requests()
            if is_allowed_on(viewer, Action.RECORD_SEAL, row.source_code)
        ]
        commits = unit.commit_info({row.asked_commit for row in waiting})
        answerable = {number for number in commits if find_obstacle(unit, number) is None}
    if waiting:
        fields = ("source", "local_id", "reference", "requested_by", "requested_at")
        disclose(index, viewer, Action.RECORD_SEAL, [row.record_id for row in waiting], fields)
    return [
        UnsealRequest(
            source=row.source_code,
            local_id="" if row.local_id.startswith(SURROGATE_MARK) else row.local_id,
            reference=row.reference,
            requested_by=commits[row.asked_commit][1],
            requested_at=commits[row.asked_commit][0],
            may_answer=row.asked_commit in answerable,
        )
        for row in waiting
    ]


def approve_unseals(
    index: Index, viewer: Viewer, source_code: str, local_ids: Collection[str], reason: str | None = None
) -> UnsealAnswer:
    """Lift the seals of records, for which another person has asked.

    Args:
        index: the open index.
        viewer: who approves; not who asked.
        source_code: source of the records.
        local_ids: the records, ``MAX_RECORDS`` at most.
        reason: why, in one line without a name of a person; None for none.

    Raises:
        InputError: no record is named, too many are, or the reason is too long.
        NotFoundError: nobody has asked to unseal one of the records; nothing was unsealed.
        ConflictError: the viewer is no second person for one of them; nothing was unsealed.
        AccessDenied: the viewer may not seal records of this source.
    """
    return _answer(index, viewer, source_code, local_ids, APPROVED, reason)


def refuse_unseals(
    index: Index, viewer: Viewer, source_code: str, local_ids: Collection[str], reason: str | None = None
) -> UnsealAnswer:
    """Refuse to lift the seals of records, which stay sealed.

    Args and errors are those of ``approve_unseals``.
    """
    return _answer(index, viewer, source_code, local_ids, REFUSED, reason)


def _answer(
    index: Index,
    viewer: Viewer,
    source_code: str,
    local_ids: Collection[str],
    answer: str,
    reason: str | None,
) -> UnsealAnswer:
    require_permission(viewer, Action.RECORD_SEAL, source_code)
    stated = {} if reason is None else {"reason": check_reason(reason)}
    named = _check_named(local_ids)
    with index.database.write(viewer, f"unseal {answer}") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return UnsealAnswer(**stored_answer)
        source = unit.sources.get_by_code(source_code)
        require_own_source(source)
        waiting = _require_waiting(unit, index, source, named)
        add_step(unit, UNSEAL, answer, {"records": [row.record_id for row in waiting], **stated})
        unit.boundary_orders.answer_unseal_requests([row.id for row in waiting], answer, unit.commit_no)
        if answer == APPROVED:
            lift_seals(unit, index, {row.record_id: row.reference for row in waiting})
        result = UnsealAnswer(source_code, answer, len(waiting))
        store_answer(unit, index, asdict(result), ())
    return result


def _check_named(local_ids: Collection[str]) -> frozenset[str]:
    """Return the local IDs that a call names, each once.

    Raises:
        InputError: there is none, or there are too many.
    """
    named = frozenset(local_ids)
    if not 0 < len(named) <= MAX_RECORDS:
        raise InputError(f"local_ids: name 1 to {MAX_RECORDS} records")
    return named


def _find_records(
    unit: ReadUnit, index: Index, source: Source, named: frozenset[str]
) -> dict[str, StoredRecord]:
    """Return the records with given local IDs, those with tombstones among them."""
    found = unit.records.find_by_local_ids(source.id, named)
    return merge_buried_records(unit, index, (source.id, source.code), named, found)


def _require_sealed(
    unit: WriteUnit, index: Index, source: Source, named: frozenset[str]
) -> list[StoredRecord]:
    """Return the named records, whose seals nobody has asked to lift.

    Raises:
        NotFoundError: one of them is not sealed, or was expunged.
        ConflictError: one of them waits already, to be unsealed or expunged.
    """
    found = _find_records(unit, index, source, named)
    expunged = unit.boundary_orders.select_expunged({record.id for record in found.values()})
    records = {
        record.id: record for record in found.values() if _is_sealed(record) and record.id not in expunged
    }
    if len(records) < len(named):
        raise NotFoundError(f"{len(named) - len(records)} of these records are not sealed")
    if any((record.content_hash or "").endswith(EXPUNGE_MARK) for record in records.values()):
        raise ConflictError("one of these records waits to be expunged: approve or refuse that first")
    if any(row.record_id in records for row in unit.boundary_orders.open_unseal_requests()):
        raise ConflictError("somebody has asked to unseal one of these records: another person has to answer")
    return sorted(records.values(), key=lambda record: record.id)


def _is_sealed(record: StoredRecord) -> bool:
    """Return whether a record is sealed and its content was not destroyed."""
    return record.state == RecordState.SEALED and record.content_hash != ""


def _require_waiting(
    unit: ReadUnit, index: Index, source: Source, named: frozenset[str]
) -> list[OpenUnsealRequest]:
    """Return the requests about the named records, which wait for another person.

    Raises:
        NotFoundError: one of them does not wait.
        ConflictError: the viewer is no second person for one of them.
    """
    record_ids = {record.id for record in _find_records(unit, index, source, named).values()}
    waiting = [row for row in unit.boundary_orders.open_unseal_requests() if row.record_id in record_ids]
    if len(waiting) < len(named):
        raise NotFoundError(f"{len(named) - len(waiting)} of these records do not wait to be unsealed")
    if obstacle := find_first_obstacle(unit, {row.asked_commit for row in waiting}):
        raise ConflictError(
            f"a request to unseal one of these records is {obstacle}: somebody else has to answer"
        )
    return waiting

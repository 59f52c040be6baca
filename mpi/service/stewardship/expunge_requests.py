"""Requests to expunge records, and a second person's answer to them.

A record that is sent with an expunge is sealed at once, so that nobody sees it. Its content is destroyed
when a second person approves. If a second person refuses instead, the record is as it was before.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass

from mpi.domain.errors import ConflictError, InputError, NotFoundError, StoreError
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.legal_holds import require_not_kept
from mpi.service.core.second_person import find_first_obstacle, find_obstacle
from mpi.service.core.undoable_steps import add_step, check_reason
from mpi.service.statements.expunction import destroy_records
from mpi.service.statements.ledger_redaction import redact_destroyed_records
from mpi.service.statements.overlay_detection import REFUSED
from mpi.service.statements.sources import require_own_source
from mpi.service.statements.statement import SEALED, find_seal_kind
from mpi.service.stewardship.expunge_certificates import issue_certificates
from mpi.service.stewardship.seal_lifting import lift_seals, list_sealing_versions, set_current_versions
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.record_erasure import PendingExpunge
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_RECORDS = 20
"""Most records that one call approves or refuses, each named by its local ID."""
APPROVED = "approved"
EXPUNGE = "expunge"
"""Kind of the step that answers such requests."""


@dataclass(frozen=True, slots=True)
class ExpungeRequest:
    """A record whose expunging waits for a second person's approval.

    Args:
        source: code of the record's source.
        local_id: its local ID.
        requested_by: the client that sent the expunge.
        requested_at: when it was received.
        may_answer: whether the viewer is a second person, who may answer it.
    """

    source: str
    local_id: str
    requested_by: str
    requested_at: str
    may_answer: bool


@dataclass(frozen=True, slots=True)
class ExpungeAnswer:
    """A second person's answer to requests to expunge records.

    Args:
        source: code of the records' source.
        answer: ``approved`` or ``refused``.
        records: number of records.
    """

    source: str
    answer: str
    records: int


def list_expunge_requests(index: Index, viewer: Viewer) -> list[ExpungeRequest]:
    """List the records that wait to be expunged, oldest request first.

    Raises:
        AccessDenied: the viewer may not expunge records.
    """
    require_permission(viewer, Action.RECORD_EXPUNGE)
    with index.database.read(viewer) as unit:
        pending = [
            row
            for row in unit.record_erasure.pending_expunges()
            if is_allowed_on(viewer, Action.RECORD_EXPUNGE, row.source_code)
        ]
        commits = unit.commit_info({row.commit_no for row in pending})
        answerable = {number for number in commits if find_obstacle(unit, number) is None}
    if pending:
        fields = ("source", "local_id", "requested_by", "requested_at")
        disclose(index, viewer, Action.RECORD_EXPUNGE, [row.record_id for row in pending], fields)
    return [
        ExpungeRequest(
            source=row.source_code,
            local_id=row.local_id,
            requested_by=commits[row.commit_no][1],
            requested_at=commits[row.commit_no][0],
            may_answer=row.commit_no in answerable,
        )
        for row in pending
    ]


def approve_expunges(
    index: Index, viewer: Viewer, source_code: str, local_ids: Collection[str], reason: str | None = None
) -> ExpungeAnswer:
    """Destroy the content of records that another client asked to expunge.

    No undo brings it back. A certificate is stored for each record.

    Args:
        index: the open index.
        viewer: who approves; not who asked.
        source_code: source of the records.
        local_ids: the records, ``MAX_RECORDS`` at most.
        reason: why, in one line without a name of a person; None for none.

    Raises:
        InputError: no record is named, too many are, or the reason is too long.
        NotFoundError: one of the records does not wait to be expunged; nothing was destroyed.
        ConflictError: the viewer is no second person for one of them, or a legal hold or an open request
            keeps one; nothing was destroyed.
        AccessDenied: the viewer may not expunge records of this source.
    """
    return _answer(index, viewer, source_code, local_ids, APPROVED, reason)


def refuse_expunges(
    index: Index, viewer: Viewer, source_code: str, local_ids: Collection[str], reason: str | None = None
) -> ExpungeAnswer:
    """Refuse to expunge records, which undoes the request.

    A record that was sealed before stays sealed. Args and errors are those of ``approve_expunges``.
    """
    return _answer(index, viewer, source_code, local_ids, REFUSED, reason)


def _answer(
    index: Index,
    viewer: Viewer,
    source_code: str,
    local_ids: Collection[str],
    answer: str,
    reason: str | None,
) -> ExpungeAnswer:
    require_permission(viewer, Action.RECORD_EXPUNGE, source_code)
    stated = {} if reason is None else {"reason": check_reason(reason)}
    named = frozenset(local_ids)
    if not 0 < len(named) <= MAX_RECORDS:
        raise InputError(f"local_ids: name 1 to {MAX_RECORDS} records")
    with index.database.write(viewer, f"expunge {answer}") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return ExpungeAnswer(**stored_answer)
        require_own_source(unit.sources.get_by_code(source_code))
        pending = _require_pending(unit, source_code, named)
        record_ids = [row.record_id for row in pending]
        add_step(unit, EXPUNGE, answer, {"records": record_ids, **stated})
        if answer == APPROVED:
            require_not_kept(unit, record_ids)
            rows = {record_id: unit.record_erasure.count_rows(record_id) for record_id in record_ids}
            destroy_records(unit, index, record_ids)
            issue_certificates(unit, index, rows, {row.record_id: row for row in pending})
        else:
            _restore_records(unit, index, record_ids)
        result = ExpungeAnswer(source_code, answer, len(pending))
        store_answer(unit, index, asdict(result), ())
    if answer == APPROVED:
        # The records are destroyed by now: what fails here is done before the next root is signed.
        with suppress(StoreError):
            redact_destroyed_records(index, viewer)
    return result


def _require_pending(unit: ReadUnit, source_code: str, named: frozenset[str]) -> list[PendingExpunge]:
    """Return the named records, which wait for another person.

    Raises:
        NotFoundError: one of them does not wait.
        ConflictError: the viewer is no second person for one of them.
    """
    pending = [
        row
        for row in unit.record_erasure.pending_expunges()
        if row.source_code == source_code and row.local_id in named
    ]
    if len(pending) < len(named):
        raise NotFoundError(f"{len(named) - len(pending)} of these records do not wait to be expunged")
    if obstacle := find_first_obstacle(unit, {row.commit_no for row in pending}):
        raise ConflictError(
            f"a request to expunge one of these records is {obstacle}: somebody else has to answer"
        )
    return pending


def _restore_records(unit: WriteUnit, index: Index, record_ids: Collection[int]) -> None:
    """Undo what requests to expunge records did to them."""
    earlier_seals = {record_id: _find_earlier_seal(unit, record_id) for record_id in record_ids}
    requests = [record.version_id for record in unit.records.get(record_ids).values()]
    unit.record_versions.set_version_state([version for version in requests if version is not None], REFUSED)
    sealed = {record_id: seal for record_id, seal in earlier_seals.items() if seal is not None}
    set_current_versions(unit, sealed, RecordState.SEALED)
    lift_seals(unit, index, {record_id: None for record_id in record_ids if record_id not in sealed})


def _find_earlier_seal(unit: ReadUnit, record_id: int) -> tuple[int, str] | None:
    """Return number and as-of of the version that seals a record."""
    seals = [
        (version.id, version.as_of)
        for version in list_sealing_versions(unit, record_id)
        if find_seal_kind(record_from_bytes(version.payload)) == SEALED
    ]
    return seals[-1] if seals else None

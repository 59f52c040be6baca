"""Requests about seals, as a second person reviews them.

Only who may answer a request learns of it. A request names its record by source and local ID, and shows
nothing of its content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from mpi.domain.viewer import Action, Viewer, is_allowed, is_allowed_on, require_permission
from mpi.service.core.index import Index
from mpi.service.stewardship.expunge_requests import (
    EXPUNGE,
    ExpungeRequest,
    approve_expunges,
    list_expunge_requests,
    refuse_expunges,
)
from mpi.service.stewardship.unseal_requests import (
    UNSEAL,
    UnsealRequest,
    approve_unseals,
    list_unseal_requests,
    refuse_unseals,
)
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit

MAX_ANSWERS = 20
"""Most answers that are listed, latest first."""
_MAX_READ_ANSWERS = 200


class RequestKind(StrEnum):
    """What a request asks for, which a second person approves or refuses."""

    UNSEAL = "unseal"
    EXPUNGE = "expunge"


_ACTIONS = {RequestKind.UNSEAL: Action.RECORD_SEAL, RequestKind.EXPUNGE: Action.RECORD_EXPUNGE}
_APPROVALS = {RequestKind.UNSEAL: approve_unseals, RequestKind.EXPUNGE: approve_expunges}
_REFUSALS = {RequestKind.UNSEAL: refuse_unseals, RequestKind.EXPUNGE: refuse_expunges}


@dataclass(frozen=True, slots=True)
class SealRequest:
    """A request that waits for a second person.

    Args:
        kind: what is asked for.
        source: code of the record's source.
        source_name: name of the source for people.
        local_id: local ID of the record; empty where the index knows it only by a keyed hash.
        reference: the court order's reference; None for an expunge.
        requested_by: name of the client or account that asked.
        requested_at: when (ISO, UTC).
        is_own: whether the viewer is no second person, and somebody else has to answer.
    """

    kind: RequestKind
    source: str
    source_name: str
    local_id: str
    reference: str | None
    requested_by: str
    requested_at: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class SealAnswer:
    """An answer to requests, without the records.

    Args:
        kind: what was asked for.
        answer: ``approved`` or ``refused``.
        reason: why; None where no reason was stated.
        answered_by: name of the client or account that answered.
        answered_at: when (ISO, UTC).
        records: number of records.
    """

    kind: RequestKind
    answer: str
    reason: str | None
    answered_by: str
    answered_at: str
    records: int


def list_seal_requests(index: Index, viewer: Viewer) -> list[SealRequest]:
    """Return the requests that the viewer may answer, oldest first.

    Raises:
        AccessDenied: the viewer may neither seal nor expunge records.
    """
    require_reviewer(viewer)
    with index.database.read(viewer) as unit:
        names = {source.code: source.name for source in unit.sources.all()}
    unseals = list_unseal_requests(index, viewer) if is_allowed(viewer, Action.RECORD_SEAL) else []
    expunges = list_expunge_requests(index, viewer) if is_allowed(viewer, Action.RECORD_EXPUNGE) else []
    requests = [
        *(_to_request(request, RequestKind.UNSEAL, names, request.reference) for request in unseals),
        *(_to_request(request, RequestKind.EXPUNGE, names) for request in expunges),
    ]
    return sorted(requests, key=lambda request: request.requested_at)


def answer_seal_request(
    index: Index,
    viewer: Viewer,
    kind: RequestKind,
    source: str,
    local_id: str,
    *,
    is_approved: bool,
    reason: str,
) -> None:
    """Approve or refuse the request about a record, as a second person.

    Args:
        index: the open index.
        viewer: who answers; not who asked.
        kind: what the request asks for.
        source: code of the record's source.
        local_id: its local ID.
        is_approved: whether it is approved; else it is refused.
        reason: why, in one line without a name of a person.

    Raises:
        InputError: the reason is empty or too long.
        NotFoundError: the record does not wait for this.
        ConflictError: the viewer is no second person for it.
        AccessDenied: the viewer may not seal, or not expunge, records of this source.
    """
    answer = (_APPROVALS if is_approved else _REFUSALS)[kind]
    answer(index, viewer, source, [local_id], reason)


def list_seal_answers(index: Index, viewer: Viewer) -> list[SealAnswer]:
    """Return the latest answers to requests that the viewer may answer.

    Raises:
        AccessDenied: the viewer may neither seal nor expunge records.
    """
    require_reviewer(viewer)
    with index.database.read(viewer) as unit:
        steps = unit.steps.latest_of_kinds((UNSEAL, EXPUNGE), _MAX_READ_ANSWERS)
        shown = list(islice((step for step in steps if _may_answer(unit, step)), MAX_ANSWERS))
        commits = unit.commit_info({step.commit_no for step in shown})
    return [
        SealAnswer(
            kind=RequestKind(step.kind),
            answer=step.reason,
            reason=step.detail.get("reason"),
            answered_by=commits[step.commit_no][1],
            answered_at=commits[step.commit_no][0],
            records=len(step.detail["records"]),
        )
        for step in shown
    ]


def require_reviewer(viewer: Viewer) -> None:
    """Raise unless the viewer may answer requests of some kind.

    Raises:
        AccessDenied: the viewer may neither seal nor expunge records.
    """
    if not is_allowed(viewer, Action.RECORD_EXPUNGE):
        require_permission(viewer, Action.RECORD_SEAL)


def _to_request(
    request: UnsealRequest | ExpungeRequest,
    kind: RequestKind,
    names: Mapping[str, str],
    reference: str | None = None,
) -> SealRequest:
    return SealRequest(
        kind=kind,
        source=request.source,
        source_name=names[request.source],
        local_id=request.local_id,
        reference=reference,
        requested_by=request.requested_by,
        requested_at=request.requested_at,
        is_own=not request.may_answer,
    )


def _may_answer(unit: ReadUnit, step: Step) -> bool:
    """Return whether the viewer may answer about all records of a step."""
    code_by_id = {source.id: source.code for source in unit.sources.all()}
    source_ids = set(unit.records.source_ids_of(step.detail["records"]).values())
    action = _ACTIONS[RequestKind(step.kind)]
    return all(is_allowed_on(unit.viewer, action, code_by_id[source_id]) for source_id in source_ids)

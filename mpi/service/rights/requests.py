"""Requests of a person: open a case, and refuse one.

The paper with the name of who asks stays in the agency's own file. The index keeps its number, how it was
made sure who asks, and who did so.
"""

from dataclasses import dataclass
from datetime import date

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.record import SENT_FIELDS
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.cases.subject_rights import (
    CaseKind,
    Identification,
    Inspection,
    RefusalReason,
    Relation,
    RightsState,
    check_person,
    check_received,
    check_statement,
)
from mpi.policy.tiers import OWN_FIELDS
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.legal.references import check_reference
from mpi.service.rights.cases import add_step, get_case, require_second_person, require_state
from mpi.service.rights.record_values import require_record
from mpi.service.rights.source_rules import read_rule_with_clocks
from mpi.storage.repositories.access.rights_cases import StoredCase, StoredText

AMENDABLE_FIELDS = (
    frozenset(SENT_FIELDS)
    - OWN_FIELDS
    - {"ssn", "ssn_last4", "linkage_tokens", "local_id", "subject", "as_of"}
)
"""Fields that a person may ask to amend."""


@dataclass(frozen=True, slots=True)
class RightsRequest:
    """A request as it was received.

    Args:
        kind: what is asked for.
        source: code of the source whose record it names; the agency that keeps it.
        local_id: local ID of the record.
        relation: who asks.
        identification: how it was made sure who asks.
        identified_by: name of the person who made sure.
        reference: number under which the agency files the paper; no name.
        received: day on which it was received.
        owner: person or office that answers for the case.
        field: field of the record that is to be amended; None for an inspection.
        wanted: the change that is asked for; None for an inspection.
    """

    kind: CaseKind
    source: str
    local_id: str
    relation: Relation
    identification: Identification
    identified_by: str
    reference: str
    received: date
    owner: str
    field: str | None = None
    wanted: str | None = None


def open_case(index: Index, viewer: Viewer, request: RightsRequest) -> str:
    """Open the case of a person's request.

    Args:
        index: the open index.
        viewer: who opens it.
        request: the request.

    Returns:
        The code of the case.

    Raises:
        InputError: a text, day or field is wrong.
        NotFoundError: the record does not exist for the viewer, or is sealed.
        ConflictError: no law is configured that lets a person inspect records of this source.
        AccessDenied: the viewer may not handle cases about this source.
    """
    require_permission(viewer, Action.RIGHTS_MANAGE, request.source)
    today = clock.now().date()
    received = check_received(request.received, today)
    details = _describe_request(request)
    wanted = _check_amendment(request)
    with index.database.write(viewer, "rights-open") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return str(stored_answer["code"])
        source = unit.sources.get_by_code(request.source)
        record_id = require_record(unit, source, request.local_id)
        rule = read_rule_with_clocks(unit, source, today)
        if rule.inspection is Inspection.NONE:
            raise ConflictError(
                "no law is configured that lets a person inspect records of this source: see mpi rights rule"
            )
        code = index.keyed_hash.to_case_code("rights", unit.commit_no)
        days = {
            "inspection": rule.inspection_days,
            "amendment": rule.amendment_days,
            "hearing": rule.hearing_days,
        }
        unit.rights_cases.add(
            StoredCase(
                code,
                request.kind.value,
                source.id,
                record_id,
                received.isoformat(),
                {**details, "days": days, "appeal_office": rule.appeal_office},
                unit.commit_no,
            )
        )
        if wanted is not None:
            unit.rights_cases.add_text(StoredText(code, "wanted", record_id, wanted, unit.commit_no))
        store_answer(unit, index, {"code": code}, ())
    return code


def refuse_case(
    index: Index, viewer: Viewer, code: str, kind: CaseKind, reason: RefusalReason, decided_by: str
) -> None:
    """Refuse what a case asks for, as the second person.

    Args:
        index: the open index.
        viewer: who refuses; not who opened the case.
        code: code of the case.
        kind: what the case asks for.
        reason: why; no letter tells it.
        decided_by: name of the person who decides.

    Raises:
        NotFoundError: there is no such case that the viewer may decide.
        ConflictError: it is of the other kind, the viewer opened it, or it is decided already.
        InputError: the name is wrong.
        AccessDenied: the viewer may not decide cases.
    """
    require_permission(viewer, Action.RIGHTS_DECIDE)
    name = check_person("decided_by", decided_by)
    with index.database.write(viewer, "rights-refuse") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        case = get_case(unit, index, Action.RIGHTS_DECIDE, code, kind)
        require_state(case, RightsState.OPEN)
        require_second_person(unit, case.stored.opened_commit)
        add_step(unit, code, "refuse", reason=reason.value, decided_by=name)
        store_answer(unit, index, {}, ())


def _describe_request(request: RightsRequest) -> dict[str, str]:
    """Return the stored details of a request, after checking its texts.

    Raises:
        InputError: a text is wrong.
    """
    details = {
        "relation": request.relation.value,
        "identification": request.identification.value,
        "identified_by": check_person("identified_by", request.identified_by),
        "reference": check_reference(request.reference),
        "owner": check_person("owner", request.owner),
    }
    return details if request.field is None else {**details, "field": request.field}


def _check_amendment(request: RightsRequest) -> str | None:
    """Return the change that is asked for, after a check.

    Raises:
        InputError: an inspection names a change, or an amendment lacks one.
    """
    if request.kind is CaseKind.INSPECT:
        if request.field is not None or request.wanted is not None:
            raise InputError("field, wanted: only a request to amend names them")
        return None
    if request.field not in AMENDABLE_FIELDS:
        raise InputError("field: name a field of the record (docs/canonical-record.md)")
    return check_statement("wanted", request.wanted or "")

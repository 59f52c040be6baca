"""Routes for subpoena cases, and for consents to disclose records."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, WriterDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.policy.disclosure_consents import (
    ConsentCodeDep,
    ConsentRevocationBody,
    DisclosureConsentBody,
    DisclosureConsentOut,
    RecordQueryDep,
)
from mpi.api.schemas.policy.subpoenas import (
    CaseCodeDep,
    SubpoenaBody,
    SubpoenaCaseOut,
    SubpoenaDecisionBody,
    SubpoenaNoticeBody,
    SubpoenaReleaseBody,
    SubpoenaReleaseOut,
)
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action, Viewer
from mpi.policy.cases.consent import Consent
from mpi.policy.cases.subpoena import CounselDecision, Subpoena
from mpi.service.core.index import Index
from mpi.service.legal import disclosure_consents
from mpi.service.legal.subpoena_cases import (
    decide_case,
    list_cases,
    open_case,
    record_notice,
    show_case,
    to_plain_values,
)
from mpi.service.legal.subpoena_release import SubpoenaRelease, release_case

router = APIRouter(tags=["legal"], route_class=ModelReloadRoute)
_post = partial(make_post_route, router)


def _describe_case(index: Index, viewer: Viewer, code: str) -> dict[str, Any]:
    return to_plain_values(show_case(index, viewer, code))


def _describe_consent(index: Index, viewer: Viewer, code: str) -> dict[str, Any]:
    return disclosure_consents.to_plain_values(disclosure_consents.show_consent(index, viewer, code))


@router.get(
    "/v1/subpoenas",
    response_model=list[SubpoenaCaseOut],
    summary="List the subpoena cases about the caller's own records, the earliest due day first",
    responses=describe_problems(),
)
def get_subpoenas(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """List what was served, what counsel decided, and what still lacks."""
    return [to_plain_values(view) for view in list_cases(index, viewer)]


@_post(
    "/v1/subpoenas",
    Action.SUBPOENA_MANAGE,
    "Open the case of a subpoena",
    SubpoenaBody,
    SubpoenaCaseOut,
)
def post_subpoena(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[SubpoenaBody, Depends(SubpoenaBody.read)],
) -> dict[str, Any]:
    """Open a case. Nothing is released before counsel has decided."""
    subpoena = Subpoena(
        source=body.source,
        court=body.court,
        reference=body.reference,
        served_by=body.served_by,
        received=body.received,
        due=body.due,
        notice_forbidden=body.notice_forbidden,
    )
    code = open_case(index, viewer, subpoena, body.local_ids, body.fields)
    return _describe_case(index, viewer, code)


@_post(
    "/v1/subpoenas/{code}:notify",
    Action.SUBPOENA_MANAGE,
    "Record the notice to the parents",
    SubpoenaNoticeBody,
    SubpoenaCaseOut,
)
def post_subpoena_notice(
    index: IndexDep,
    viewer: WriterDep,
    code: CaseCodeDep,
    _: NoQueryDep,
    body: Annotated[SubpoenaNoticeBody, Depends(SubpoenaNoticeBody.read)],
) -> dict[str, Any]:
    """Record when the parents were notified.

    Without it nothing is released, unless the order forbids it.
    """
    record_notice(index, viewer, code, body.day)
    return _describe_case(index, viewer, code)


@_post(
    "/v1/subpoenas/{code}:decide",
    Action.SUBPOENA_DECIDE,
    "Decide about a case, as counsel",
    SubpoenaDecisionBody,
    SubpoenaCaseOut,
)
def post_subpoena_decision(
    index: IndexDep,
    viewer: WriterDep,
    code: CaseCodeDep,
    _: NoQueryDep,
    body: Annotated[SubpoenaDecisionBody, Depends(SubpoenaDecisionBody.read)],
) -> dict[str, Any]:
    """Decide what a case releases; who opened it may not."""
    decision = CounselDecision(body.verdict, body.counsel, body.reason)
    decide_case(index, viewer, code, decision, body.local_ids, body.fields)
    return _describe_case(index, viewer, code)


@_post(
    "/v1/subpoenas/{code}:release",
    Action.SUBPOENA_MANAGE,
    "Release what counsel decided",
    SubpoenaReleaseBody,
    SubpoenaReleaseOut,
)
def post_subpoena_release(
    index: IndexDep,
    viewer: WriterDep,
    code: CaseCodeDep,
    _: NoQueryDep,
    body: Annotated[SubpoenaReleaseBody, Depends(SubpoenaReleaseBody.read)],
) -> SubpoenaRelease:
    """Release the decided fields of the decided records.

    Each person gets a line on the ledger that names the case.
    """
    return release_case(index, viewer, code, body.reference)


@router.get(
    "/v1/disclosure-consents",
    response_model=list[DisclosureConsentOut],
    summary="List the consents to disclose a record, oldest first",
    responses=describe_problems(404, 422),
    dependencies=[permit(Action.CONSENT_RECORD)],
)
def get_disclosure_consents(
    index: IndexDep, viewer: CallerDep, query: RecordQueryDep
) -> list[dict[str, Any]]:
    """List the consents about a record of the caller's own party.

    Expired and revoked ones are included.
    """
    consents = disclosure_consents.list_consents(index, viewer, query.source, query.local_id)
    return [disclosure_consents.to_plain_values(view) for view in consents]


@_post(
    "/v1/disclosure-consents",
    Action.CONSENT_RECORD,
    "Record a consent to disclose a record",
    DisclosureConsentBody,
    DisclosureConsentOut,
)
def post_disclosure_consent(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[DisclosureConsentBody, Depends(DisclosureConsentBody.read)],
) -> dict[str, Any]:
    """Record a consent about a record of the caller's own party.

    A grant on the basis `consent` discloses a record only while one is in force.
    """
    consent = Consent(
        agreement=body.agreement,
        recipient=body.recipient,
        purposes=frozenset(body.purposes),
        fields=frozenset(body.fields),
        signer=body.signer,
        signed=body.signed,
        ends=body.ends,
        reference=body.reference,
    )
    code = disclosure_consents.record_consent(index, viewer, body.source, body.local_id, consent)
    return _describe_consent(index, viewer, code)


@_post(
    "/v1/disclosure-consents/{code}:revoke",
    Action.CONSENT_RECORD,
    "Revoke a consent at once",
    ConsentRevocationBody,
    DisclosureConsentOut,
)
def post_consent_revocation(
    index: IndexDep,
    viewer: WriterDep,
    code: ConsentCodeDep,
    _: NoQueryDep,
    body: Annotated[ConsentRevocationBody, Depends(ConsentRevocationBody.read)],
) -> dict[str, Any]:
    """Revoke a consent.

    What was disclosed before stays disclosed, and no link is undone.
    """
    disclosure_consents.revoke_consent(index, viewer, code, body.reference)
    return _describe_consent(index, viewer, code)

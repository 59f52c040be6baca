"""Routes for rights cases: requests to inspect or to amend a record."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, WriterDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.policy.rights import (
    HearingBody,
    HearingRequestBody,
    RightsCaseOut,
    RightsCodeDep,
    RightsGrantBody,
    RightsRefusalBody,
    RightsReleaseBody,
    RightsRequestBody,
    StatementBody,
    SubjectReportOut,
)
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.rights.amendments import ask_hearing, attach_statement, decide_hearing, grant_amendment
from mpi.service.rights.cases import list_cases, show_case, to_plain_values
from mpi.service.rights.requests import RightsRequest, open_case, refuse_case
from mpi.service.rights.subject_report import SubjectReport, release_report

router = APIRouter(tags=["rights"], route_class=ModelReloadRoute)
_CASE = "/v1/rights-cases/{code}"
_post = partial(make_post_route, router, answer=RightsCaseOut)


def _describe(index: Index, viewer: Viewer, code: str) -> dict[str, Any]:
    return to_plain_values(show_case(index, viewer, code))


@router.get(
    "/v1/rights-cases",
    operation_id="list_rights_cases",
    response_model=list[RightsCaseOut],
    summary="List the rights cases about the caller's own records, the earliest due day first",
    responses=describe_problems(),
)
def get_cases(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """List what was asked, what became of it, and which clock runs."""
    return [to_plain_values(case) for case in list_cases(index, viewer)]


@_post(
    "/v1/rights-cases",
    "create_rights_case",
    Action.RIGHTS_MANAGE,
    "Open the case of a person's request",
    RightsRequestBody,
)
def post_case(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[RightsRequestBody, Depends(RightsRequestBody.read)],
) -> dict[str, Any]:
    """Open a case. Nothing is released before another person has decided."""
    request = RightsRequest(
        kind=body.kind,
        source=body.source,
        local_id=body.local_id,
        relation=body.relation,
        identification=body.identification,
        identified_by=body.identified_by,
        reference=body.reference,
        received=body.received,
        owner=body.owner,
        field=body.field,
        wanted=body.wanted,
    )
    return _describe(index, viewer, open_case(index, viewer, request))


@_post(
    f"{_CASE}:release",
    "release_rights_case",
    Action.RIGHTS_DECIDE,
    "Release the report about a child",
    RightsReleaseBody,
    answer=SubjectReportOut,
)
def post_release(
    index: IndexDep,
    viewer: WriterDep,
    code: RightsCodeDep,
    _: NoQueryDep,
    body: Annotated[RightsReleaseBody, Depends(RightsReleaseBody.read)],
) -> SubjectReport:
    """Release what may be inspected, as another person than who opened it."""
    return release_report(index, viewer, code, body.checks, body.released_by)


@_post(
    f"{_CASE}:refuse",
    "refuse_rights_case",
    Action.RIGHTS_DECIDE,
    "Refuse what a case asks for",
    RightsRefusalBody,
)
def post_refusal(
    index: IndexDep,
    viewer: WriterDep,
    code: RightsCodeDep,
    _: NoQueryDep,
    body: Annotated[RightsRefusalBody, Depends(RightsRefusalBody.read)],
) -> dict[str, Any]:
    """Refuse, with a letter that tells no reason and of no record."""
    kind = show_case(index, viewer, code).kind
    refuse_case(index, viewer, code, kind, body.reason, body.decided_by)
    return _describe(index, viewer, code)


@_post(
    f"{_CASE}:grant", "grant_rights_case", Action.RIGHTS_DECIDE, "Grant a request to amend", RightsGrantBody
)
def post_grant(
    index: IndexDep,
    viewer: WriterDep,
    code: RightsCodeDep,
    _: NoQueryDep,
    body: Annotated[RightsGrantBody, Depends(RightsGrantBody.read)],
) -> dict[str, Any]:
    """Grant. The case is `corrected` once the source has sent another value."""
    grant_amendment(index, viewer, code, body.decided_by)
    return _describe(index, viewer, code)


@_post(
    f"{_CASE}:ask-hearing",
    "request_hearing",
    Action.RIGHTS_MANAGE,
    "Record that a hearing was asked for",
    HearingRequestBody,
)
def post_hearing_request(
    index: IndexDep,
    viewer: WriterDep,
    code: RightsCodeDep,
    _: NoQueryDep,
    _body: Annotated[HearingRequestBody, Depends(HearingRequestBody.read)],
) -> dict[str, Any]:
    """Record it, after a refusal to amend and in time."""
    ask_hearing(index, viewer, code)
    return _describe(index, viewer, code)


@_post(
    f"{_CASE}:decide-hearing",
    "decide_hearing",
    Action.RIGHTS_DECIDE,
    "Record the decision of a hearing",
    HearingBody,
)
def post_hearing(
    index: IndexDep,
    viewer: WriterDep,
    code: RightsCodeDep,
    _: NoQueryDep,
    body: Annotated[HearingBody, Depends(HearingBody.read)],
) -> dict[str, Any]:
    """Record it; neither who opened the case nor who refused it may."""
    decide_hearing(index, viewer, code, body.officer, amends=body.amends)
    return _describe(index, viewer, code)


@_post(
    f"{_CASE}:attach-statement",
    "attach_statement",
    Action.RIGHTS_MANAGE,
    "Attach a statement to the record",
    StatementBody,
)
def post_statement(
    index: IndexDep,
    viewer: WriterDep,
    code: RightsCodeDep,
    _: NoQueryDep,
    body: Annotated[StatementBody, Depends(StatementBody.read)],
) -> dict[str, Any]:
    """Attach it. Later readers of the contested value see it too."""
    attach_statement(index, viewer, code, body.statement)
    return _describe(index, viewer, code)

"""Routes for incidents of wrong links and the corrections sent to recipients."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, WriterDep, permit, permit_any
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.policy.incidents import (
    AcknowledgementBody,
    ClosingBody,
    IncidentCodeDep,
    IncidentOut,
    IncidentsQuery,
    LinkCorrectionOut,
    OwnAcknowledgementBody,
    SendBody,
)
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action
from mpi.service.audit.corrections import acknowledge_correction, list_corrections
from mpi.service.audit.incidents import (
    acknowledge_for,
    close_incident,
    list_incidents,
    send_corrections,
    show_incident,
)
from mpi.service.notices.sent_corrections import RECIPIENT_ACTIONS

router = APIRouter(tags=["ledger"], route_class=ModelReloadRoute)
_INCIDENT = "/v1/incidents/{code}"
_PROBLEMS = describe_problems(404, 409, 413, 422)
_post = partial(make_post_route, router, answer=IncidentOut)


@router.get(
    "/v1/incidents",
    operation_id="list_incidents",
    response_model=list[IncidentOut],
    summary="List the incidents of wrong links, the latest first",
    responses=describe_problems(422),
    dependencies=[permit(Action.LEDGER_READ)],
)
def get_incidents(
    index: IndexDep, viewer: CallerDep, query: Annotated[IncidentsQuery, Query()]
) -> list[dict[str, Any]]:
    """List who was told what because of links that were found wrong."""
    return [each.as_dict() for each in list_incidents(index, viewer, with_closed=query.with_closed)]


@router.get(
    _INCIDENT,
    operation_id="get_incident",
    response_model=IncidentOut,
    summary="Show an incident of a wrong link",
    responses=describe_problems(404),
    dependencies=[permit(Action.LEDGER_READ)],
)
def get_incident(index: IndexDep, viewer: CallerDep, code: IncidentCodeDep, _: NoQueryDep) -> dict[str, Any]:
    """Show who was told of the link, and who acknowledged the correction."""
    return show_incident(index, viewer, code).as_dict()


@_post(
    f"{_INCIDENT}:send",
    "send_correction",
    (Action.AGREEMENT_ADMIN, Action.LEDGER_READ),
    "Send every recipient its correction",
    SendBody,
)
def post_send(
    index: IndexDep,
    viewer: WriterDep,
    code: IncidentCodeDep,
    _: NoQueryDep,
    _body: Annotated[SendBody, Depends(SendBody.read)],
) -> dict[str, Any]:
    """Send them. Recipients read them with `GET /v1/corrections`."""
    send_corrections(index, viewer, code)
    return show_incident(index, viewer, code).as_dict()


@_post(
    f"{_INCIDENT}:acknowledge",
    "record_acknowledgement",
    (Action.AGREEMENT_ADMIN, Action.LEDGER_READ),
    "Record an acknowledgement that was given on paper",
    AcknowledgementBody,
)
def post_acknowledgement(
    index: IndexDep,
    viewer: WriterDep,
    code: IncidentCodeDep,
    _: NoQueryDep,
    body: Annotated[AcknowledgementBody, Depends(AcknowledgementBody.read)],
) -> dict[str, Any]:
    """Record it, for a recipient that cannot acknowledge over the API."""
    acknowledge_for(index, viewer, code, body.client, body.by)
    return show_incident(index, viewer, code).as_dict()


@_post(
    f"{_INCIDENT}:close",
    "close_incident",
    (Action.AGREEMENT_ADMIN, Action.LEDGER_READ),
    "Close an incident",
    ClosingBody,
)
def post_closing(
    index: IndexDep,
    viewer: WriterDep,
    code: IncidentCodeDep,
    _: NoQueryDep,
    body: Annotated[ClosingBody, Depends(ClosingBody.read)],
) -> dict[str, Any]:
    """Close it, once every recipient has acknowledged its correction."""
    close_incident(index, viewer, code, body.by, body.note)
    return show_incident(index, viewer, code).as_dict()


@router.get(
    "/v1/corrections",
    operation_id="list_corrections",
    response_model=list[LinkCorrectionOut],
    summary="List the corrections sent to the caller, the latest first",
    responses=describe_problems(),
)
def get_corrections(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """List the records whose link was wrong, with their IDs of today."""
    return [each.as_dict() for each in list_corrections(index, viewer)]


@router.post(
    "/v1/corrections/{code}:acknowledge",
    operation_id="acknowledge_correction",
    response_model=list[LinkCorrectionOut],
    summary="Acknowledge a correction sent to the caller",
    responses=_PROBLEMS,
    dependencies=[ActionPath, permit_any(RECIPIENT_ACTIONS)],
    openapi_extra=describe_body(OwnAcknowledgementBody),
)
def post_own_acknowledgement(
    index: IndexDep,
    viewer: WriterDep,
    code: IncidentCodeDep,
    _: NoQueryDep,
    _body: Annotated[OwnAcknowledgementBody, Depends(OwnAcknowledgementBody.read)],
) -> list[dict[str, Any]]:
    """Acknowledge it, once the caller's own copies are corrected; return all corrections."""
    acknowledge_correction(index, viewer, code)
    return [each.as_dict() for each in list_corrections(index, viewer)]

"""Pages of incidents: wrong links, their recipients and their corrections."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import Action, is_allowed, require_permission
from mpi.policy.cases.subject_rights import MAX_TEXT_LENGTH
from mpi.service.audit.incidents import (
    acknowledge_for,
    close_incident,
    list_incidents,
    send_corrections,
    show_incident,
)
from mpi.service.core.index import Index
from mpi.service.incidents.views import IncidentState

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_BUTTON = "do"


@router.get("/incidents")
def list_page(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show the incidents of wrong links, the latest first."""
    require_permission(visit.viewer, Action.LEDGER_READ)
    with_closed = request.query_params.get("closed") == "1"
    incidents = list_incidents(index, visit.viewer, with_closed=with_closed)
    return render_page(
        "incidents.html",
        visit=visit,
        incidents=incidents,
        with_closed=with_closed,
        now=clock.now().date(),
    )


@router.get("/incidents/{code}")
def show(index: IndexDep, visit: VisitDep, code: str) -> Response:
    """Show who was told what because of a link."""
    require_permission(visit.viewer, Action.LEDGER_READ)
    return _render(index, visit, code)


@router.post("/incidents/{code}")
def act(index: IndexDep, visit: VisitDep, code: str, form: FormDep) -> Response:
    """Send the corrections, record an acknowledgement, or close the incident."""
    require_permission(visit.viewer, Action.LEDGER_READ)
    require_permission(visit.viewer, Action.AGREEMENT_ADMIN)
    try:
        done = _apply(index, visit, code, form)
    except (InputError, ConflictError) as error:
        return _render(index, visit, code, error, form)
    except NotFoundError as error:
        # Of an unknown incident there is no page to show it on.
        show_incident(index, visit.viewer, code)
        return _render(index, visit, code, error, form)
    return RedirectResponse(f"/incidents/{code}?done={done}", HTTPStatus.SEE_OTHER)


def _apply(index: Index, visit: Visit, code: str, form: Form) -> str:
    """Do what a button says; return the code of the message.

    Raises:
        InputError: there is no such button, or a text is wrong.
    """
    match form.raw_text(_BUTTON):
        case "send":
            send_corrections(index, visit.viewer, code)
            return "incident_sent"
        case "acknowledge":
            acknowledge_for(index, visit.viewer, code, form.text("client"), form.raw_text("by"))
            return "incident_acknowledged"
        case "close":
            close_incident(index, visit.viewer, code, form.raw_text("by"), form.raw_text("note"))
            return "incident_closed"
        case _:
            raise InputError("do: no such button")


def _render(
    index: Index, visit: Visit, code: str, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render one incident with the forms of its next steps."""
    incident = show_incident(index, visit.viewer, code)
    may_act = is_allowed(visit.viewer, Action.AGREEMENT_ADMIN) and incident.state is not IncidentState.CLOSED
    waiting = [each for each in incident.recipients if each.is_waiting]
    is_reversed = incident.state is IncidentState.REVERSED
    return render_page(
        "incident.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        incident=incident,
        waiting=waiting,
        may_send=may_act and incident.state is IncidentState.OPEN and bool(waiting),
        may_acknowledge=may_act and incident.state is IncidentState.SENT,
        may_close=may_act and (is_reversed or not waiting),
        now=clock.now().date(),
        longest=MAX_TEXT_LENGTH,
        typed={name: "" if form is None else form.raw_text(name) for name in ("by", "note", "client")},
        problems=[] if error is None else [(_find_field(error), str(error))],
    )


def _find_field(error: MpiError) -> str:
    name = str(error).partition(":")[0]
    return name if name in ("by", "note") else ""

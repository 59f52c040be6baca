"""Pages that list API clients, rotate keys, set expiry and end clients."""

from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain.errors import AccessDenied, ConflictError, InputError, MpiError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.access.clients import (
    EXPIRY_WARNING,
    find_client,
    list_clients,
    revoke_client,
    rotate_key,
    set_expiry,
)
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)
OVERLAP_DAYS = (0, 1, 7, 30)
"""Days for which the old key may still work, as the page offers them."""


@router.get("/clients")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show all API clients, and which keys expire soon."""
    clients = list_clients(index, visit.viewer)
    return render_page(
        "clients.html",
        visit=visit,
        clients=sorted(clients, key=lambda client: (client.revoked is not None, client.name)),
        expiring=[client for client in clients if client.is_expiring],
        warning_days=EXPIRY_WARNING.days,
    )


@router.get("/clients/{name}")
def show_client(index: IndexDep, visit: VisitDep, name: str) -> Response:
    """Show one API client, with forms that change it.

    Raises:
        NotFoundError: there is no such client.
    """
    return _render_client(index, visit, name)


@router.get("/clients/{name}/end")
def confirm_end(index: IndexDep, visit: VisitDep, name: str) -> Response:
    """Show the consequences of ending a client, before it is ended.

    Raises:
        NotFoundError: there is no such client.
    """
    return _render_end(index, visit, name)


@router.post("/clients/{name}")
def change(index: IndexDep, visit: VisitDep, name: str, form: FormDep) -> Response:
    """Rotate a client's key, set its expiry, or end the client.

    Raises:
        InputError: the form names another action.
        NotFoundError: there is no such client.
    """
    require_permission(visit.viewer, Action.CLIENT_ADMIN)
    action = form.button()
    if action == "end" and not form.is_checked("confirm"):
        return _render_end(index, visit, name)
    try:
        if action == "rotate":
            overlap = _read_overlap(form)
            key = rotate_key(index, visit.viewer, name, overlap, form.text("version"))
            return _show_key(visit, name, key, overlap)
        done = _change(index, visit.viewer, name, action, form)
    except (InputError, ConflictError, AccessDenied) as error:
        return _render_client(index, visit, name, error, form)
    place = "/clients" if action == "end" else f"/clients/{quote(name, safe='')}"
    return RedirectResponse(f"{place}?done={done}", HTTPStatus.SEE_OTHER)


def _change(index: Index, viewer: Viewer, name: str, action: str, form: Form) -> str:
    """Do one action on a client; return the code of the message."""
    match action:
        case "expiry":
            set_expiry(index, viewer, name, form.optional_text("expires_on"), form.text("version"))
            return "expiry_set"
        case "end":
            revoke_client(index, viewer, name)
            return "ended"
        case _:
            raise make_button_error()


def _read_overlap(form: Form) -> int:
    """Return for how many days the old key is to work.

    Raises:
        InputError: the form offers no such number of days.
    """
    days = form.optional_text("overlap") or "0"
    if days not in {str(number) for number in OVERLAP_DAYS}:
        raise InputError("overlap: choose one of the list")
    return int(days)


def _render_client(
    index: Index, visit: Visit, name: str, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render one client, with the day that was typed."""
    detail = find_client(index, visit.viewer, name)
    expires_on = detail.client.expires_on or ""
    return render_page(
        "client.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        detail=detail,
        client=detail.client,
        expires_on=expires_on if form is None else form.raw_text("expires_on") or expires_on,
        overlaps=OVERLAP_DAYS,
        problems=[] if error is None else [("", str(error))],
    )


def _render_end(index: Index, visit: Visit, name: str) -> Response:
    """Render the page that asks whether to end a client."""
    detail = find_client(index, visit.viewer, name)
    return render_page("client_end.html", visit=visit, client=detail.client)


def _show_key(visit: Visit, name: str, key: str, overlap: int) -> Response:
    """Render the page that shows an API key, this once."""
    return render_page(
        "secret.html",
        visit=visit,
        kind="key",
        here="clients",
        name=name,
        back=f"/clients/{quote(name, safe='')}",
        secret=key,
        days=overlap,
    )

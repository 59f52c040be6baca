"""Page of requests about seals, for the second person."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import MAX_REASON_LENGTH
from mpi.service.stewardship.seal_reviews import (
    RequestKind,
    answer_seal_request,
    list_seal_answers,
    list_seal_requests,
    require_reviewer,
)

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_ANSWERS = {"approve": True, "refuse": False}


@router.get("/seals")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the waiting requests and the latest answers."""
    return _render(index, visit)


@router.post("/seals")
def answer(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Approve or refuse a request with a reason.

    The record's local ID comes in the request body, because it belongs in no address.
    """
    require_reviewer(visit.viewer)
    try:
        done = _answer(index, visit, form)
    except (InputError, ConflictError, NotFoundError) as error:
        return _render(index, visit, error, form)
    return RedirectResponse(f"/seals?done={done}", HTTPStatus.SEE_OTHER)


def _answer(index: Index, visit: Visit, form: Form) -> str:
    """Answer the request of a form; return the code of the message.

    Raises:
        InputError: the form names no request or no answer, or lacks the reason or the confirmation.
    """
    kind, answer = form.text("kind"), form.button()
    if kind not in set(RequestKind) or answer not in _ANSWERS:
        raise make_button_error()
    is_approved = _ANSWERS[answer]
    if is_approved and kind == RequestKind.EXPUNGE and not form.is_checked("confirm"):
        raise InputError("confirm that the record is destroyed for good")
    answer_seal_request(
        index,
        visit.viewer,
        RequestKind(kind),
        form.text("source"),
        form.text("local_id"),
        is_approved=is_approved,
        reason=form.text("reason"),
    )
    return f"{kind}_{'approved' if is_approved else 'refused'}"


def _render(index: Index, visit: Visit, error: MpiError | None = None, form: Form | None = None) -> Response:
    """Render the requests, with the reason that was typed for one."""
    requests = list_seal_requests(index, visit.viewer)
    typed = None if form is None else tuple(form.raw_text(name) for name in ("kind", "source", "local_id"))
    return render_page(
        "seals.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        requests=requests,
        answers=list_seal_answers(index, visit.viewer),
        typed=typed,
        reason="" if form is None else form.raw_text("reason"),
        longest=MAX_REASON_LENGTH,
        problems=[] if error is None else [("", str(error))],
    )

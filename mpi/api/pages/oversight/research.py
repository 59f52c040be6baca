"""Page of research projects, from their terms to their destruction."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.oversight.case_texts import locate_error
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import Action, require_permission
from mpi.policy.cases.subject_rights import MAX_TEXT_LENGTH
from mpi.service.core.index import Index
from mpi.service.research.destruction import attest_destruction
from mpi.service.research.overview import list_overviews
from mpi.service.rights.research_ids import MAX_CODE_LENGTH, end_project, open_project

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_TYPED = ("code", "title", "name", "method", "on")
"""Fields of forms whose text is shown again after an error."""
_ERROR_FIELDS = {"opened_by": "name", "ended_by": "name", "attested_by": "name"}
"""Field of a form by the name that an error gives."""
_FIELDS_OF_PROJECT = {"end": ("name", "confirm"), "destroyed": ("name", "method", "on", "confirm")}
"""Fields of the forms of one project, by action."""


@router.get("/research")
def show(index: IndexDep, visit: VisitDep) -> Response:
    """Show the projects that last, and those that ended."""
    require_permission(visit.viewer, Action.AGREEMENT_ADMIN)
    return _render(index, visit)


@router.post("/research")
def act(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Open or end a project, or attest that its extracts are destroyed."""
    require_permission(visit.viewer, Action.AGREEMENT_ADMIN)
    try:
        done = _apply(index, visit, form)
    except (InputError, ConflictError, NotFoundError) as error:
        return _render(index, visit, error, form)
    return RedirectResponse(f"/research?done={done}", HTTPStatus.SEE_OTHER)


def _apply(index: Index, visit: Visit, form: Form) -> str:
    """Do a form's action; return the code of the message.

    Raises:
        InputError: the form names no action, lacks the confirmation, or what it states is wrong.
    """
    match form.button():
        case "open":
            open_project(index, visit.viewer, form.text("code"), form.text("title"), form.text("name"))
            return "research_opened"
        case "end":
            if not form.is_checked("confirm"):
                raise InputError("confirm: say that you know that the IDs cannot be made again")
            end_project(index, visit.viewer, form.text("code"), form.text("name"))
            return "research_ended"
        case "destroyed":
            if not form.is_checked("confirm"):
                raise InputError("confirm: say that you know that the IDs cannot be made again")
            day = clock.parse_day(form.text("on"), "on")
            attest_destruction(
                index, visit.viewer, form.text("code"), form.text("name"), form.text("method"), day
            )
            return "research_destroyed"
        case _:
            raise make_button_error()


def _render(index: Index, visit: Visit, error: MpiError | None = None, form: Form | None = None) -> Response:
    """Render the page; after an error, with what was typed."""
    return render_page(
        "research.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        overviews=list_overviews(index, visit.viewer),
        today=clock.today(),
        longest=MAX_TEXT_LENGTH,
        longest_code=MAX_CODE_LENGTH,
        action="" if form is None else form.raw_text("do"),
        typed={name: "" if form is None else form.raw_text(name) for name in _TYPED},
        problems=[] if error is None or form is None else [_locate(error, form)],
    )


def _locate(error: MpiError, form: Form) -> tuple[str, str]:
    """Return the form field that an error names, and its text."""
    name, text = locate_error(error, (*_TYPED, "confirm"), _ERROR_FIELDS)
    if name and (action := form.raw_text("do")) in _FIELDS_OF_PROJECT:
        is_field = name in _FIELDS_OF_PROJECT[action]
        return (f"{action}-{name}-{form.raw_text('code')}" if is_field else ""), text
    return (name if name in _TYPED else ""), text

"""Page of freeze windows and paused sources.

It shows who set each one and how to lift it.
"""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.administration.source_choice import list_choices
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error, parse_number
from mpi.api.request.problems import find_status
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import MAX_REASON_LENGTH
from mpi.service.records.source_pause import list_paused, pause, resume
from mpi.service.stewardship.freeze_windows import add_freeze_window, lift_freeze_window, list_freeze_windows

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/freezes")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show freeze windows and paused sources."""
    return _render(index, visit)


@router.post("/freezes")
def change(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Add or lift a freeze window; pause or resume a source."""
    require_permission(visit.viewer, Action.SOURCE_ADMIN)
    try:
        done = _change(index, visit.viewer, form)
    except (InputError, ConflictError, NotFoundError) as error:
        return _render(index, visit, error, form)
    return RedirectResponse(f"/freezes?done={done}", HTTPStatus.SEE_OTHER)


def _change(index: Index, viewer: Viewer, form: Form) -> str:
    """Do what a form asks; return the code of the message.

    Raises:
        InputError: the form names another action.
    """
    match form.button():
        case "freeze":
            days = form.text("begins_on"), form.text("ends_on")
            add_freeze_window(index, viewer, form.text("source"), *days, form.text("reason"))
            return "freeze_added"
        case "lift":
            lift_freeze_window(
                index, viewer, parse_number(form.text("window"), "window"), form.text("reason")
            )
            return "freeze_lifted"
        case "pause":
            pause(index, viewer, form.text("source"), form.text("reason"))
            return "source_paused"
        case "resume":
            resume(index, viewer, form.text("source"), form.text("reason"))
            return "source_resumed"
        case _:
            raise make_button_error()


def _render(index: Index, visit: Visit, error: MpiError | None = None, form: Form | None = None) -> Response:
    """Render windows and pauses, with what was typed for one."""
    windows = list_freeze_windows(index, visit.viewer)
    paused = list_paused(index, visit.viewer)
    codes = {one.source for one in paused}
    sources = list_choices(index, visit.viewer)
    return render_page(
        "freezes.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        windows=sorted(
            windows, key=lambda window: (window.state not in ("open", "coming"), window.begins_on)
        ),
        paused=paused,
        sources=sources,
        running=[source for source in sources if source.code not in codes and source.scope is None],
        form=form or Form({}),
        longest=MAX_REASON_LENGTH,
        problems=[] if error is None else [("", str(error))],
    )

"""Page of retention: what is due, legal holds and destruction runs."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.oversight.case_texts import locate_error
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import BUTTON, Form, make_button_error, parse_number
from mpi.api.request.problems import find_status
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import Action, is_allowed, is_allowed_on
from mpi.policy.cases.subject_rights import MAX_TEXT_LENGTH
from mpi.service.core.index import Index
from mpi.service.legal.own_sources import list_own_sources
from mpi.service.rights import destruction
from mpi.service.rights.cases import ACTIONS
from mpi.service.rights.due_records import list_retention
from mpi.service.rights.holds import LegalHoldOrder, lift_hold, list_holds, place_hold
from mpi.service.statements.boundary_orders import MAX_REFERENCE_LENGTH

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_TYPED = ("source", "local_id", "reference", "reason", "name")
"""Fields of forms whose text is shown again after an error."""
_ERROR_FIELDS = {"placed_by": "name", "lifted_by": "name", "approved_by": "name"}
"""Field of a form by the name that an error gives."""

_FORM_FIELDS = {"approve": ("", "run"), "lift": ("lift-", "hold")}
"""Start of the IDs of fields, and the field that ends them, of forms that stand once a row."""
_FORM_NAMES = ("name", "reason", "records")


@router.get("/retention")
def show(index: IndexDep, visit: VisitDep) -> Response:
    """Show what is due, what is held and what was destroyed."""
    return _render(index, visit)


@router.post("/retention")
def act(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Place or lift a hold; plan, approve or run a destruction."""
    try:
        _apply(index, visit, form)
    except (InputError, ConflictError, NotFoundError) as error:
        return _render(index, visit, error, form)
    return RedirectResponse("/retention?done=retention_stored", HTTPStatus.SEE_OTHER)


def _apply(index: Index, visit: Visit, form: Form) -> None:
    """Do a form's action.

    Raises:
        InputError: the form names no action, or what it states is wrong.
    """
    viewer, name = visit.viewer, form.optional_text("name") or ""
    steps: dict[str, Callable[[], object]] = {
        "hold": lambda: place_hold(
            index,
            viewer,
            LegalHoldOrder(
                reference=form.text("reference"),
                reason=form.text("reason"),
                placed_by=name,
                source=form.text("source"),
                local_id=form.optional_text("local_id"),
            ),
        ),
        "lift": lambda: lift_hold(index, viewer, form.text("hold"), name, form.text("reason")),
        "plan": lambda: destruction.plan_run(index, viewer, form.text("source")),
        "approve": lambda: destruction.approve_run(
            index,
            viewer,
            parse_number(form.text("run"), "run"),
            name,
            parse_number(form.text("records"), "records"),
        ),
        "run": lambda: destruction.execute_run(
            index, viewer, parse_number(form.text("run"), "run"), most=destruction.MAX_RECORDS_A_CALL
        ),
    }
    step = steps.get(form.button())
    if step is None:
        raise make_button_error()
    step()


def _render(index: Index, visit: Visit, error: MpiError | None = None, form: Form | None = None) -> Response:
    """Render the page, with the forms of the next steps."""
    viewer = visit.viewer
    sources = list_own_sources(index, viewer, *ACTIONS)
    return render_page(
        "retention.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        views=list_retention(index, viewer),
        holds=list_holds(index, viewer),
        runs=[destruction.to_plain_values(view) for view in destruction.list_runs(index, viewer)],
        systems={source.code: source.name for source in sources},
        sources=[source for source in sources if is_allowed_on(viewer, Action.RIGHTS_MANAGE, source.code)],
        may_decide=is_allowed(viewer, Action.RIGHTS_DECIDE),
        may_manage=is_allowed(viewer, Action.RIGHTS_MANAGE),
        longest=MAX_TEXT_LENGTH,
        longest_reference=MAX_REFERENCE_LENGTH,
        typed={name: "" if form is None else form.raw_text(name) for name in _TYPED},
        problems=[] if error is None or form is None else [_locate(error, form)],
    )


def _locate(error: MpiError, form: Form) -> tuple[str, str]:
    """Return the form's field that an error names, and its text."""
    name, text = locate_error(error, (*_TYPED, "records"), _ERROR_FIELDS)
    prefix, row_field = _FORM_FIELDS.get(form.raw_text(BUTTON), ("", ""))
    if row_field and name in _FORM_NAMES:
        return f"{prefix}{name}-{form.raw_text(row_field)}", text
    return (name if name in _TYPED else "", text)

"""Page to correct a value of a child's golden record."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_history import build_heading
from mpi.api.pages.rendering.child_labels import name_systems
from mpi.api.pages.rendering.record_values import format_value
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep, format_flash_query
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import InputError, MpiError, RecordError, StaleError
from mpi.domain.survivorship.attributes import SINGLE_VALUE_ATTRIBUTES
from mpi.domain.viewer import Action, require_permission
from mpi.service.core.index import Index
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge_split_move import StepOptions

router = APIRouter(include_in_schema=False, route_class=PageRoute)

ATTRIBUTES = tuple(
    name for name in SINGLE_VALUE_ATTRIBUTES if name not in ("birth_place", "multiple_birth", "birth_order")
)
"""Attributes that can be corrected on the page: those with one text value."""
REASONS = ("source-mistake", "source-confirmed", "typo", "name-change", "other")


@router.get("/people/{eid}/correct")
def show_form(index: IndexDep, visit: VisitDep, eid: str, attribute: str = "first_name") -> Response:
    """Show the form that corrects a value of a person's golden record."""
    require_permission(visit.viewer, Action.DECIDE)
    return _render_form(index, visit, eid, Form({"attribute": [attribute]}))


@router.post("/people/{eid}/correct")
def post_correction(index: IndexDep, visit: VisitDep, eid: str, form: FormDep) -> Response:
    """Save a correction of a golden record; return to the person's page."""
    reason = StepOptions(form.text("reason"), form.optional_text("note"), expected_etags=(form.text("etag"),))
    try:
        effect = correct_value(
            index, visit.viewer, eid, form.raw_text("attribute"), form.optional_text("value"), reason
        )
    except (InputError, RecordError, StaleError) as error:
        return _render_form(index, visit, eid, form, error)
    return RedirectResponse(f"/people/{eid}?{format_flash_query(effect, 'corrected')}", HTTPStatus.SEE_OTHER)


def _render_form(index: Index, visit: Visit, eid: str, form: Form, error: MpiError | None = None) -> Response:
    """Render the golden-record correction form with its present values and errors."""
    golden_record = look_up_golden_record(index, visit.viewer, eid)
    current_values = {
        value.attribute: (format_value(value.attribute, value.value), value.record)
        for value in golden_record.values
        if value.attribute in ATTRIBUTES
    }
    return render_page(
        "correct.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        eid=golden_record.enterprise_id,
        name=build_heading(golden_record.values, (), clock.today()).name,
        etag=golden_record.etag,
        attributes=ATTRIBUTES,
        attribute=form.raw_text("attribute"),
        value=form.raw_text("value"),
        stands=current_values,
        systems=name_systems(index, visit.viewer),
        reasons=REASONS,
        reason=form.raw_text("reason"),
        note=form.raw_text("note"),
        problems=[] if error is None else [(_find_error_field(error), str(error))],
    )


def _find_error_field(error: MpiError) -> str:
    """Return the correction form's field that an error is about."""
    field = error.field if isinstance(error, RecordError) else str(error).partition(":")[0]
    return "note" if field == "note" else "value"

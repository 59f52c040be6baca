"""Pages of a registrar: check a placement letter and enroll its student."""

from collections import defaultdict
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.rosters.school_names import SchoolNamer
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.problems import find_status, headers_of_error
from mpi.domain.errors import RecordError, SearchLimitError
from mpi.domain.viewer import Action, require_permission
from mpi.service.core.index import Index
from mpi.service.rosters.enroll_today import read_enrollment_start
from mpi.service.rosters.local_match import LetterCheck, PlacementLetter, check_letter
from mpi.service.rosters.own_students import StudentQuery, list_own_schools
from mpi.service.rosters.school_directory import load_school_directory

router = APIRouter(include_in_schema=False, route_class=PageRoute)
FIELDS = (
    "source", "local_id", "first_name", "last_name", "birth_date", "client_number", "case_number",
)  # fmt: skip


@router.get("/local-match")
def show_letter_form(index: IndexDep, visit: VisitDep) -> Response:
    """Show the form to check a placement letter."""
    require_permission(visit.viewer, Action.LOCAL_MATCH)
    return _render(index, visit, {})


@router.post("/local-match")
def check_letter_form(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Answer whether the typed student is the child of the letter.

    What was typed is not stored.
    """
    require_permission(visit.viewer, Action.LOCAL_MATCH)
    typed = {name: form.raw_text(name) for name in FIELDS}
    sent = {name: form.optional_text(name) for name in FIELDS}
    letter = PlacementLetter(sent.pop("client_number"), sent.pop("case_number"))
    student = StudentQuery(**sent)
    try:
        check = check_letter(index, visit.viewer, student, letter)
    except (RecordError, SearchLimitError) as error:
        field = error.field if isinstance(error, RecordError) and error.field in FIELDS else "local_id"
        response = _render(index, visit, typed, problem=(field, error))
        response.headers.update(headers_of_error(error))
        return response
    return _render(index, visit, typed, check)


@router.post("/enroll-today")
def show_enrollment(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Show what the school needs to enroll a confirmed student.

    It comes with a records request to print.
    """
    require_permission(visit.viewer, Action.ENROLLMENT_READ)
    student = StudentQuery(local_id=form.text("local_id"), source=form.optional_text("source"))
    return render_page(
        "enroll_today.html",
        visit=visit,
        start=read_enrollment_start(index, visit.viewer, student),
        name_school=SchoolNamer(load_school_directory(index)),
    )


def _render(
    index: Index,
    visit: Visit,
    typed: Mapping[str, str],
    check: LetterCheck | None = None,
    problem: tuple[str, RecordError | SearchLimitError] | None = None,
) -> Response:
    """Render the form with the answer or the error."""
    return render_page(
        "local_match.html",
        HTTPStatus.OK if problem is None else find_status(problem[1])[0],
        visit=visit,
        typed=defaultdict(str, typed),
        check=check,
        problems=[] if problem is None else [(problem[0], str(problem[1]))],
        schools=list_own_schools(index, visit.viewer),
        limits=index.settings.search_limits,
    )

"""Search page: find a child by ID, local ID or details.

The page offers no browsing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import label_child
from mpi.api.pages.rendering.evidence_texts import describe_part
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.api.request.problems import find_status, headers_of_error
from mpi.api.request.refusals import record_denied_call
from mpi.domain import eid as eids
from mpi.domain.errors import EidError, MpiError, NotFoundError, RecordError, SearchLimitError
from mpi.domain.viewer import Action, require_permission
from mpi.service.core.index import Index
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.persons.search import SearchResult, search_persons
from mpi.service.statements.sources import list_readable_sources

router = APIRouter(include_in_schema=False, route_class=PageRoute)

FIELDS = (
    "first_name", "middle_name", "last_name", "birth_date", "sex", "ssn_last4", "address_line1", "city",
    "postal_code", "phone", "guardian_first_name", "guardian_last_name",
)  # fmt: skip
"""Canonical fields of the search form."""


@router.get("/find")
def show_search_form(index: IndexDep, visit: VisitDep) -> Response:
    """Show the person search: by enterprise ID, local ID or personal details."""
    require_permission(visit.viewer, Action.PERSON_READ)
    return _render_form(index, visit, {})


@router.get("/people")
def find_by_eid(index: IndexDep, visit: VisitDep, eid: str = "") -> Response:
    """Redirect to the page of the person with the typed enterprise ID."""
    try:
        return RedirectResponse(f"/people/{eids.parse_eid(eid)}", HTTPStatus.SEE_OTHER)
    except EidError as error:
        return render_not_found(index, visit, eid, error)


@router.post("/find/key")
def find_by_local_id(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Redirect to the page of the person who holds a source's record.

    The record's local ID comes in the request body, because it belongs in no address.
    """
    criteria = {name: form.raw_text(name) for name in ("source", "local_id")}
    try:
        eid = _look_up_eid(index, visit, form)
    except (NotFoundError, RecordError) as error:
        record_denied_call(index, error)
        return _render_form(index, visit, criteria, [("local_id", error)])
    return RedirectResponse(f"/people/{eid}", HTTPStatus.SEE_OTHER)


@router.post("/find")
def find_by_details(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Show persons who match the typed details, best first.

    Nothing of what was typed is stored.
    """
    criteria = {name: form.raw_text(name) for name in FIELDS}
    try:
        matches = search_persons(index, visit.viewer, _read_criteria(form))
    except RecordError as error:
        field = error.field if error.field in FIELDS else "first_name"
        return _render_form(index, visit, criteria, [(field, error)])
    except SearchLimitError as error:
        response = _render_form(index, visit, criteria, [("first_name", error)])
        response.headers.update(headers_of_error(error))
        return response
    return _render_form(index, visit, criteria, results=matches)


def render_not_found(index: Index, visit: Visit, eid: str, error: MpiError) -> Response:
    """Render the person search with the error for an unusable enterprise ID."""
    return _render_form(index, visit, {"eid": eid}, [("eid", error)])


def _look_up_eid(index: Index, visit: Visit, form: Form) -> str:
    """Return the enterprise ID of the record that the form names."""
    entry = look_up_crosswalk(index, visit.viewer, form.text("source"), form.text("local_id"))
    if entry.enterprise_id is None:
        raise NotFoundError("this record takes no part in the index at the moment")
    return entry.enterprise_id


def _render_form(
    index: Index,
    visit: Visit,
    criteria: Mapping[str, str],
    problems: Sequence[tuple[str, MpiError]] = (),
    results: Sequence[SearchResult] | None = None,
) -> Response:
    """Render the person search with its criteria, errors and results."""
    status = find_status(problems[0][1])[0] if problems else HTTPStatus.OK
    sources = list_readable_sources(index, visit.viewer)
    found = [result.enterprise_id for result in results or ()]
    # The action is not that of a search: a second line of it would count as a second search.
    names = look_up_child_names(
        index, visit.viewer, Action.PERSON_READ, enterprise_ids=found, in_search=True
    ).by_id
    return render_page(
        "find.html",
        status,
        visit=visit,
        asked=defaultdict(str, criteria),
        problems=[(field, str(error)) for field, error in problems],
        wrong={field for field, _ in problems},
        results=results,
        children={eid: label_child(names.get(eid)) for eid in found},
        sources=sources,
        fields=FIELDS,
        describe_part=describe_part,
    )


def _read_criteria(form: Form) -> dict[str, object]:
    """Read the filled-in personal details from the person search form."""
    return {name: value for name in FIELDS if (value := form.optional_text(name)) is not None}

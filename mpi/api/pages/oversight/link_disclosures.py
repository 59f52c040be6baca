"""Page of what was told because of a link between two records."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.api.request.problems import find_status
from mpi.domain.errors import InputError, MpiError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, require_permission
from mpi.service.audit.link_disclosures import LinkReport, find_disclosures_of_link

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_FIELDS = ("source", "local_id", "other_source", "other_local_id")
"""Fields of the form. They are in its body, so that no address names a record."""


@router.get("/ledger/link")
def show_form(visit: VisitDep) -> Response:
    """Show the form that asks for two records."""
    require_permission(visit.viewer, Action.LEDGER_READ)
    return _render(visit)


@router.post("/ledger/link")
def show_disclosures(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Show every answer that told of two records while they were linked."""
    require_permission(visit.viewer, Action.LEDGER_READ)
    source, local_id, other_source, other_local_id = (form.text(name) for name in _FIELDS)
    pair = RecordRef(source, local_id), RecordRef(other_source, other_local_id)
    try:
        report = find_disclosures_of_link(index, visit.viewer, *pair)
    except (InputError, NotFoundError) as error:
        return _render(visit, form, error=error)
    return _render(visit, form, report)


def _render(
    visit: Visit, form: Form | None = None, report: LinkReport | None = None, error: MpiError | None = None
) -> Response:
    return render_page(
        "ledger_link.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        report=report,
        typed={name: "" if form is None else form.raw_text(name) for name in _FIELDS},
        problems=[] if error is None else [("local_id", str(error))],
    )

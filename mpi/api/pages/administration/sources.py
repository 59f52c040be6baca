"""Pages of sources: what each sends and holds, and its settings."""

from collections.abc import Iterable, Mapping
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
from mpi.domain.errors import ConflictError, InputError, MpiError
from mpi.domain.source import EDUCATION_KINDS, Holdings, SourceKind
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.agreements.views import AgreementView, list_agreements
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import MAX_REASON_LENGTH
from mpi.service.holdings.settings import add_source, set_holdings
from mpi.service.loads.load_log import LoadEntry, list_latest_loads
from mpi.service.quality.publication import SOURCES
from mpi.service.quality.reports import Report, make_report
from mpi.service.statements.source_end import (
    MAX_NAME_LENGTH,
    preview_retirement,
    rename_source,
    retire_source,
)
from mpi.service.statements.sources import NewSource, find_administered_source, list_administered_sources
from mpi.service.stewardship.owner_consent import set_consent_required
from mpi.storage.repositories.sources.sources import Source

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/sources")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show all sources, with a form that adds one."""
    return _render_list(index, visit)


@router.post("/sources")
def add(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Add a source."""
    _require_permissions(visit.viewer)
    try:
        new = NewSource(
            code=form.text("code"),
            name=form.optional_text("name"),
            agency=form.optional_text("agency"),
            kind=SourceKind(_choose(form, "kind", SourceKind)),
            has_one_id_per_child=form.is_checked("one_id"),
        )
        add_source(index, visit.viewer, new, Holdings(_choose(form, "holdings", Holdings)))
    except (InputError, ConflictError) as error:
        return _render_list(index, visit, error, form)
    return RedirectResponse(f"/sources/{quote(new.code, safe='')}?done=source_added", HTTPStatus.SEE_OTHER)


@router.get("/sources/{source}")
def show_source(index: IndexDep, visit: VisitDep, source: str) -> Response:
    """Show one source, with forms that change its settings.

    Raises:
        NotFoundError: there is no such source.
    """
    return _render_source(index, visit, source)


@router.post("/sources/{source}")
def change(index: IndexDep, visit: VisitDep, source: str, form: FormDep) -> Response:
    """Set a source's name, holdings or consent; retire or restore it.

    Raises:
        NotFoundError: there is no such source.
    """
    _require_permissions(visit.viewer)
    try:
        _change(index, visit.viewer, source, form)
    except (InputError, ConflictError) as error:
        return _render_source(index, visit, source, error)
    return RedirectResponse(f"/sources/{quote(source, safe='')}?done=source_saved", HTTPStatus.SEE_OTHER)


def _change(index: Index, viewer: Viewer, source: str, form: Form) -> None:
    """Set what a form asks of a source.

    Raises:
        InputError: the form names another setting.
    """
    match form.button():
        case "holdings":
            set_holdings(index, viewer, source, Holdings(_choose(form, "holdings", Holdings)))
        case "consent":
            asks = _choose(form, "asks", ("yes", "no")) == "yes"
            set_consent_required(index, viewer, source, asks=asks, reason=form.text("reason"))
        case "rename":
            rename_source(index, viewer, source, form.text("name"))
        case "retire":
            if not form.is_checked("known"):
                raise InputError("known: read what happens, and confirm it")
            retire_source(index, viewer, source)
        case "return":
            retire_source(index, viewer, source, is_retired=False)
        case _:
            raise make_button_error()


def _choose(form: Form, name: str, choices: Iterable[str]) -> str:
    """Return the chosen value of a form field.

    Raises:
        InputError: it is none of the choices.
    """
    value = form.text(name)
    if value not in set(choices):
        raise InputError(f"{name}: choose one of the list")
    return value


def _render_list(
    index: Index, visit: Visit, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render the sources, with what was typed for a new one."""
    _require_permissions(visit.viewer)
    sources = list_administered_sources(index, visit.viewer)
    report = make_report(index, visit.viewer, SOURCES)
    return render_page(
        "sources.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        sources=sources,
        agreements=_find_agreements(index, visit.viewer, sources),
        records=_count_records(report),
        publication=report.publication,
        loads=_find_loads(index, visit.viewer),
        kinds=[kind for kind in SourceKind if kind is not SourceKind.STEWARD],
        holdings=list(Holdings),
        form=form or Form({}),
        longest=MAX_NAME_LENGTH,
        problems=[] if error is None else [("", str(error))],
    )


def _render_source(index: Index, visit: Visit, code: str, error: MpiError | None = None) -> Response:
    """Render one source with its settings.

    Raises:
        NotFoundError: there is no such source that the viewer may see.
    """
    _require_permissions(visit.viewer)
    source = find_administered_source(index, visit.viewer, code)
    report = make_report(index, visit.viewer, SOURCES)
    return render_page(
        "source.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        source=source,
        agreements=_find_agreements(index, visit.viewer, [source])[code],
        count=_count_records(report).get(code),
        publication=report.publication,
        load=_find_loads(index, visit.viewer).get(code),
        model=index.matcher.model.ref,
        holdings=list(Holdings) if source.kind in EDUCATION_KINDS else [],
        longest=MAX_REASON_LENGTH,
        longest_name=MAX_NAME_LENGTH,
        unfinished=_find_unfinished_loads(index, visit.viewer, source),
        problems=[] if error is None else [("", str(error))],
    )


def _require_permissions(viewer: Viewer) -> None:
    """Require the permissions to administer sources and to read their figures.

    Raises:
        AccessDenied: the viewer lacks one of them.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    require_permission(viewer, Action.REPORT)


def _count_records(report: Report) -> Mapping[str, object]:
    """Return the published number of active records by source.

    The number is None where it is not shown.
    """
    return {str(row[0]): row[3] for row in report.rows}


def _find_loads(index: Index, viewer: Viewer) -> Mapping[str, LoadEntry]:
    """Return the latest load of each source.

    The result is empty if the viewer may not know of loads.
    """
    return list_latest_loads(index, viewer) if is_allowed(viewer, Action.LOAD) else {}


def _find_unfinished_loads(index: Index, viewer: Viewer, source: Source) -> tuple[int, ...]:
    """Return the numbers of loads that must end before a source's retirement."""
    if source.is_retired or source.kind == SourceKind.STEWARD or source.scope is not None:
        return ()
    return preview_retirement(index, viewer, source.code).unfinished_loads


def _find_agreements(
    index: Index, viewer: Viewer, sources: Iterable[Source]
) -> dict[str, list[AgreementView]]:
    """Return the agreements in which a party owns each source.

    The keys are source codes. If some of the agreements name the source, only those are returned for it.
    """
    views = list_agreements(index, viewer) if is_allowed(viewer, Action.AGREEMENT_READ) else []
    found = {}
    for source in sources:
        owning = [view for view in views if any(party.owns(source.code) for party in view.terms.parties)]
        named = [view for view in owning if any(source.code in party.sources for party in view.terms.parties)]
        found[source.code] = named or owning
    return found

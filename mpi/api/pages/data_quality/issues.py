"""Pages of a source's quality issues: numbers, records and a download."""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.csv_file import render_csv
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.domain.errors import InputError
from mpi.service.data_quality.issues import (
    CSV_HEADER,
    IssueFilters,
    list_issue_sources,
    list_issues,
    read_all_issues,
    summarize_issues,
    to_csv_row,
)
from mpi.service.data_quality.suggestions import suggest_correction
from mpi.service.data_quality.tickets import list_tickets

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_STATES: Mapping[str, bool | None] = {"open": True, "ended": False, "all": None}
_PAGE_SIZE = 100
_MAX_TEXT_LENGTH = 64


@router.get("/issues")
def show_issues(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show the issues of one source, the first by default."""
    query = request.query_params
    sources = list_issue_sources(index, visit.viewer)
    source = query.get("source") or (sources[0].code if sources else None)
    if source is None:
        return render_page("issues.html", visit=visit, sources=(), source=None)
    filters, after = _read_filters(query), query.get("after") or None
    summary = summarize_issues(index, visit.viewer, source)
    page = None
    if summary.may_list:
        page = list_issues(index, visit.viewer, source, filters, after, _PAGE_SIZE)
    chosen = {"source": source, **_to_query(query)}
    return render_page(
        "issues.html",
        visit=visit,
        sources=sources,
        source=source,
        summary=summary,
        page=page,
        tickets=list_tickets(index, visit.viewer, source),
        states=tuple(_STATES),
        state=query.get("state") or "open",
        filters=filters,
        suggest=lambda kind: suggest_correction(kind, index.settings.declared_rules),
        is_first=after is None,
        first=f"/issues?{urlencode(chosen)}",
        older=f"/issues?{urlencode({**chosen, 'after': page.cursor})}" if page and page.cursor else None,
        download=f"/issues.csv?{urlencode(chosen)}",
    )


@router.get("/issues.csv")
def download_issues(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Download the issues of a source by local ID, without any value.

    Raises:
        InputError: no source is named.
    """
    query = request.query_params
    source = query.get("source")
    list_issue_sources(index, visit.viewer)
    if not source:
        raise InputError("source: name the source whose issues are downloaded")
    issues = read_all_issues(index, visit.viewer, source, _read_filters(query))
    return render_csv(f"issues-{source}.csv", CSV_HEADER, (to_csv_row(index, issue) for issue in issues))


def _read_filters(query: Mapping[str, str]) -> IssueFilters:
    """Read which issues are wanted from an address.

    Raises:
        InputError: the state is unknown, or a text is too long.
    """
    state = query.get("state") or "open"
    if state not in _STATES:
        raise InputError(f"state: choose one of {', '.join(_STATES)}")
    field, kind = (query.get(name) or None for name in ("field", "kind"))
    if any(text is not None and len(text) > _MAX_TEXT_LENGTH for text in (field, kind)):
        raise InputError(f"field and kind: at most {_MAX_TEXT_LENGTH} characters")
    return IssueFilters(_STATES[state], field, kind)


def _to_query(query: Mapping[str, str]) -> dict[str, str]:
    """Return the chosen filters as parameters of an address."""
    return {name: query[name] for name in ("state", "field", "kind") if query.get(name)}

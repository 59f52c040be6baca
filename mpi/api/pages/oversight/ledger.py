"""Pages of the disclosure ledger and of refused requests."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from operator import itemgetter
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.csv_file import render_csv
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.problems import find_status
from mpi.domain.errors import InputError, MpiError, NotFoundError
from mpi.domain.viewer import PURPOSES, Action, require_permission
from mpi.policy.reasons import SENTENCES, ReasonCode
from mpi.service.access.ledger import (
    DEFAULT_DAYS,
    MAX_EXPORTED,
    LedgerFilter,
    LedgerLine,
    LedgerPage,
    export_ledger,
    read_ledger,
)
from mpi.storage.repositories.access.refusals import Refusal

router = APIRouter(include_in_schema=False, route_class=PageRoute)

FILTERS = ("eid", "client", "action", "purpose", "agreement", "from", "to")
"""Fields of the form that chooses lines, which are in the address."""
_CURSORS = ("before", "refused_before")
_MAX_TEXT_LENGTH = 200
_CSV_COLUMNS = (
    "outcome", "at_utc", "who", "action", "purpose", "agreement", "enterprise_ids", "about_all", "fields",
    "reason", "times",
)  # fmt: skip


@router.get("/ledger")
def show(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show a page of the ledger, and the requests that were refused."""
    require_permission(visit.viewer, Action.LEDGER_READ)
    query = request.query_params
    try:
        wanted = _read_filter(query)
        before, refused_before = (_read_text(query, name) for name in _CURSORS)
        page = read_ledger(index, visit.viewer, wanted, before, refused_before)
    except (InputError, NotFoundError) as error:
        return _render(visit, query, None, error)
    return _render(visit, query, page)


@router.get("/ledger.csv")
def export(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Send the chosen lines and refusals as a CSV file."""
    require_permission(visit.viewer, Action.LEDGER_READ)
    try:
        rows = export_ledger(index, visit.viewer, _read_filter(request.query_params))
    except (InputError, NotFoundError) as error:
        return _render(visit, request.query_params, None, error)
    return render_csv("ledger.csv", _CSV_COLUMNS, map(_to_csv_row, rows))


def _read_filter(query: Mapping[str, str]) -> LedgerFilter:
    """Read which lines are wanted from an address.

    Raises:
        InputError: a text is too long or holds a character that cannot be seen, or a day is none.
    """
    return LedgerFilter(
        enterprise_id=_read_text(query, "eid"),
        client=_read_text(query, "client"),
        purpose=_read_text(query, "purpose"),
        agreement=_read_text(query, "agreement"),
        action=_read_text(query, "action"),
        first_day=_read_day(query, "from"),
        last_day=_read_day(query, "to"),
    )


def _read_text(query: Mapping[str, str], name: str) -> str | None:
    text = query.get(name, "").strip()
    if len(text) > _MAX_TEXT_LENGTH or not text.isprintable():
        raise InputError(f"{name}: at most {_MAX_TEXT_LENGTH} characters that can be seen")
    return text or None


def _read_day(query: Mapping[str, str], name: str) -> date | None:
    text = _read_text(query, name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{name}: a day is YYYY-MM-DD") from None


def _render(
    visit: Visit,
    query: Mapping[str, str],
    page: LedgerPage | None,
    error: MpiError | None = None,
) -> Response:
    """Render the ledger with the form that chooses lines."""
    chosen = {name: value for name in FILTERS if (value := query.get(name, "").strip())}
    shown = chosen if page is None else {
        **chosen, "from": page.first_day.isoformat(), "to": page.last_day.isoformat(),
    }  # fmt: skip
    return render_page(
        "ledger.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        page=page,
        asked={name: shown.get(name, "") for name in FILTERS},
        is_filtered=bool(chosen),
        is_first=not any(query.get(name) for name in _CURSORS),
        purposes=PURPOSES,
        actions=_list_actions(),
        sentence=_describe_reason,
        link=lambda **cursor: f"/ledger?{urlencode({**shown, **cursor})}",
        export=f"/ledger.csv?{urlencode(shown)}",
        days=DEFAULT_DAYS,
        most=MAX_EXPORTED,
        problems=[] if error is None else [("eid" if chosen.get("eid") else "from", str(error))],
    )


def _list_actions() -> list[tuple[str, str]]:
    """Return kinds of requests with their titles, ordered by title."""
    titles = load_words().ledger.action
    return sorted(((code, str(titles[code])) for code in titles), key=itemgetter(1, 0))


def _describe_reason(code: str) -> str:
    """Return why requests were refused, as a sentence."""
    return SENTENCES[ReasonCode(code)] if code in set(ReasonCode) else code.replace("-", " ")


def _to_csv_row(row: LedgerLine | Refusal) -> tuple[str, ...]:
    """Return the cells of a line or a refusal."""
    if isinstance(row, LedgerLine):
        return (
            "shown", row.at, row.client, row.action, row.purpose or "", row.agreement or "",
            " ".join(row.enterprise_ids), "yes" if row.is_about_all else "", " ".join(row.fields), "", "1",
        )  # fmt: skip
    return (
        "refused", row.minute, row.client, row.action, row.purpose or "", row.agreement or "", "", "", "",
        row.reason, str(row.count),
    )  # fmt: skip

"""Pages of file loads: receipts, rejected rows, quality issues and undo."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from mpi.api.pages.administration.source_choice import list_choices
from mpi.api.pages.approvals.jobs import redirect_to_work, start_work
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.csv_file import render_csv
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, parse_number
from mpi.api.request.problems import find_status
from mpi.api.schemas.parameters import NumberDep
from mpi.domain.errors import ConflictError, InputError, ModelMovedError, MpiError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import MAX_REASON_LENGTH, check_reason
from mpi.service.jobs.job_state import JobKind
from mpi.service.loads.load_log import (
    MAX_LISTED_REJECTS,
    PAGE_SIZE,
    find_load,
    list_loads,
    read_rejects,
)
from mpi.service.loads.receipt import COUNT_NAMES
from mpi.storage.repositories.sources.batches import StoredReject

router = APIRouter(include_in_schema=False, route_class=PageRoute)
REJECT_HEADER = ("line", "offset", "field", "reason", "detail")


@router.get("/loads")
def list_page(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show the latest loads, of all sources or of one."""
    source, before = request.query_params.get("source") or None, _read_number(request.query_params, "before")
    loads = list_loads(index, visit.viewer, source, before)
    is_full = len(loads) == PAGE_SIZE
    chosen = {} if source is None else {"source": source}
    return render_page(
        "loads.html",
        visit=visit,
        loads=loads,
        source=source,
        sources=list_choices(index, visit.viewer),
        is_first=before is None,
        first=f"/loads?{urlencode(chosen)}",
        older=f"/loads?{urlencode({**chosen, 'before': loads[-1].number})}" if is_full else None,
    )


@router.get("/loads/{number}")
def show_load(index: IndexDep, visit: VisitDep, number: NumberDep) -> Response:
    """Show the receipt of a load.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
    """
    return _render_load(index, visit, number)


@router.get("/loads/{number}/rejects.csv")
def download_rejects(index: IndexDep, visit: VisitDep, number: NumberDep) -> Response:
    """Download where and why the rows of a load were rejected.

    The download does not hold the text of the rows.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
    """
    rejects = read_rejects(index, visit.viewer, number)
    return render_csv(f"rejects-{number}.csv", REJECT_HEADER, (_to_csv_row(reject) for reject in rejects))


def _to_csv_row(reject: StoredReject) -> tuple[str, ...]:
    """Return the cells of a rejected row."""
    values = (reject.line, reject.offset, reject.field, reject.reason, reject.detail)
    return tuple("" if value is None else str(value) for value in values)


@router.get("/loads/{number}/undo")
def confirm_undo(index: IndexDep, visit: VisitDep, number: NumberDep) -> Response:
    """Show what undoing a load means, before it is undone.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
    """
    return _render_undo(index, visit, number)


@router.post("/loads/{number}/undo")
def undo(request: Request, index: IndexDep, visit: VisitDep, number: NumberDep, form: FormDep) -> Response:
    """Undo a load with a reason, once it is confirmed.

    On a large index the undo runs in the background, and its page shows how far it is.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
    """
    require_permission(visit.viewer, Action.LOAD)
    try:
        _require_confirmation(form)
        job, result = _start_undo(request, index, visit.viewer, number, form.text("reason"))
    except ModelMovedError:
        raise  # the route loads the model in force, and tries again
    except (InputError, ConflictError) as error:
        return _render_undo(index, visit, number, error, form.raw_text("reason"))
    return redirect_to_work(JobKind.UNDO_LOAD, job, result)


def _require_confirmation(form: Form) -> None:
    """Refuse an undo that is not confirmed.

    Raises:
        InputError: it is not.
    """
    if not form.is_checked("confirm"):
        raise InputError("confirm that the load is undone")


def _start_undo(
    request: Request, index: Index, viewer: Viewer, number: int, reason: str
) -> tuple[int, int | None]:
    """Start the undo of a load; return the number of the job.

    The number of the load comes second if the undo is done, otherwise None.

    The page shows nothing of the changed persons.

    Raises:
        InputError: the reason is invalid.
        NotFoundError: there is no such load that the viewer may know of.
        ConflictError: there is nothing to undo, or the undo is under way.
    """
    code = check_reason(reason)
    load = find_load(index, viewer, number).entry
    if not load.may_undo:
        raise ConflictError(f"load {number} is {load.status}: there is nothing to undo")
    return start_work(request, index, viewer, JobKind.UNDO_LOAD, number, reason=code)


def _read_number(query: Mapping[str, str], name: str) -> int | None:
    """Return a number of the query, None if it is missing.

    Raises:
        InputError: it is no number.
    """
    text = query.get(name, "")
    return parse_number(text, name) if text else None


def _render_load(index: Index, visit: Visit, number: int) -> Response:
    """Render the receipt of a load."""
    receipt = find_load(index, visit.viewer, number)
    issues = sorted((receipt.issues or {}).items(), key=lambda item: (-item[1], item[0]))
    return render_page(
        "load.html",
        visit=visit,
        receipt=receipt,
        load=receipt.entry,
        counts=[
            (name, receipt.entry.counts[name])
            for name in COUNT_NAMES
            if receipt.entry.counts.get(name) or (name == "received" and name in receipt.entry.counts)
        ],
        issues=issues,
        listed=MAX_LISTED_REJECTS,
    )


def _render_undo(
    index: Index, visit: Visit, number: int, error: MpiError | None = None, reason: str = ""
) -> Response:
    """Render the page that asks whether to undo a load."""
    receipt = find_load(index, visit.viewer, number)
    return render_page(
        "load_undo.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        load=receipt.entry,
        reason=reason,
        longest=MAX_REASON_LENGTH,
        problems=[] if error is None else [("", str(error))],
    )

"""Page of re-cluster proposals: read, apply, reject, roll back."""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.approvals.jobs import redirect_to_work, start_work
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import ChildLabel, label_child, make_child_labeler, name_systems
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain.errors import ConflictError, InputError, ModelMovedError, MpiError
from mpi.domain.viewer import Action
from mpi.service.core.index import Index
from mpi.service.gates.proposal_items import PersonGroup
from mpi.service.jobs.job_state import JobKind, list_jobs
from mpi.service.maintenance.large_blocks import list_large_blocks
from mpi.service.notices.colleagues import look_up_full_names
from mpi.service.recluster import proposal_view, proposals
from mpi.service.recluster.proposal_outcome import load_outcomes

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_ITEMS_PER_PAGE = 100
"""Number of items on one page."""
_BLOCKS_SHOWN = 20


@router.get("/runs")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show re-cluster proposals, newest first, and the largest blocks.

    A block is all records with the same blocking key.
    """
    runs = proposals.list_proposals(index, visit.viewer)
    block_report = list_large_blocks(index, visit.viewer)
    blocks = block_report.blocks[:_BLOCKS_SHOWN]
    jobs = [job for job in list_jobs(index, visit.viewer) if job.state in ("running", "interrupted")]
    return render_page(
        "runs.html",
        visit=visit,
        runs=runs,
        outcomes=load_outcomes(index, visit.viewer),
        blocks=blocks,
        found=block_report,
        jobs=jobs,
        full_names=look_up_full_names(index, visit.viewer, [job.by for job in jobs]),
    )


@router.post("/runs")
def make(request: Request, index: IndexDep, visit: VisitDep, _form: FormDep) -> Response:
    """Begin a re-cluster proposal with the matching model in force."""
    job, result = start_work(request, index, visit.viewer, JobKind.PROPOSE)
    return redirect_to_work(JobKind.PROPOSE, job, result)


@router.get("/runs/{number}")
def show(index: IndexDep, visit: VisitDep, number: int, part: int = 1) -> Response:
    """Show one re-cluster proposal with its proposed changes."""
    return _render_run(index, visit, number, part)


@router.post("/runs/{number}")
def act(request: Request, index: IndexDep, visit: VisitDep, number: int, form: FormDep) -> Response:
    """Apply, reject or roll back a re-cluster proposal."""
    try:
        return _apply_action(request, index, visit, number, form)
    except ModelMovedError:
        raise  # the route loads the model in force, and tries again
    except (InputError, ConflictError) as error:
        return _render_run(index, visit, number, 1, error)


def _apply_action(request: Request, index: Index, visit: Visit, number: int, form: Form) -> Response:
    """Apply, reject or roll back a proposal; redirect to the result."""
    match form.button():
        case "apply" | "apply-all" as how:
            approved = None if how == "apply-all" else _read_items(form)
            job, result = start_work(request, index, visit.viewer, JobKind.APPLY, number, approved=approved)
            return redirect_to_work(JobKind.APPLY, job, result)
        case "reject":
            proposals.reject_proposal(index, visit.viewer, number)
            return RedirectResponse(f"/runs/{number}?done=rejected", HTTPStatus.SEE_OTHER)
        case "rollback":
            job, result = start_work(request, index, visit.viewer, JobKind.ROLL_BACK, number)
            return redirect_to_work(JobKind.ROLL_BACK, job, result)
        case _:
            raise make_button_error()


def _read_items(form: Form) -> list[int]:
    """Read the numbers of a proposal's changes that the form marks."""
    marked = [text for text in form.texts("item") if text.isascii() and text.isdigit()]
    if not marked:
        raise InputError(load_words().runs.nothing_marked)
    return [int(text) for text in marked]


def _render_run(
    index: Index, visit: Visit, number: int, part: int, error: MpiError | None = None
) -> Response:
    """Render one page of a re-cluster proposal's changes."""
    run = proposals.get_proposal(index, visit.viewer, number)
    pages = max(1, -(-len(run.items) // _ITEMS_PER_PAGE))
    part = min(max(part, 1), pages)
    items = run.items[(part - 1) * _ITEMS_PER_PAGE : part * _ITEMS_PER_PAGE]
    return render_page(
        "run.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        run=run,
        items=items,
        outcome=load_outcomes(index, visit.viewer).get(number),
        **_label_groups(index, visit, items),
        pages=pages,
        number=part,
        problems=[] if error is None else [("items", str(error))],
    )


def _label_groups(index: Index, visit: Visit, items: Sequence[proposal_view.ItemView]) -> dict[str, object]:
    """Return what the template needs to name the children of changes.

    A group of records may hold several children of today; the one of most records gives it its name.
    """
    groups = [group for item in items for group in (*item.before, *item.after)]
    records = {record for group in groups for record in group.records}
    children_of = make_child_labeler(index, visit.viewer, Action.RECLUSTER, records)

    def label(group: PersonGroup) -> ChildLabel:
        labels = children_of(group.records)
        largest = max(labels, key=lambda each: len(each.records), default=label_child(None))
        return replace(largest, records=tuple(group.records))

    systems = name_systems(index, visit.viewer)
    return {
        "child_of": label,
        "systems": systems,
        "name_systems": lambda codes: ", ".join(systems.get(code, code) for code in codes),
    }

"""Page of steps that wait for an approver or an owner."""

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import ChildLabel, label_children
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, is_allowed
from mpi.service.core.index import Index
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.statements.sources import list_readable_sources
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.owner_consent import give_consent, refuse_consent
from mpi.service.stewardship.pending_steps import PendingStep, list_pending_steps

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/waiting")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the stewards' steps that await approval or consent, oldest first."""
    steps = list_pending_steps(index, visit.viewer)
    children_of, systems = _name_children(index, visit, steps)
    return render_page("waiting.html", visit=visit, steps=steps, children_of=children_of, systems=systems)


@router.get("/waiting/{number}")
def show(index: IndexDep, visit: VisitDep, number: int) -> Response:
    """Show a waiting steward's step and its effect to approver or owner."""
    step = next(
        (
            waiting_step
            for waiting_step in list_pending_steps(index, visit.viewer)
            if waiting_step.step == number
        ),
        None,
    )
    if step is None:
        raise NotFoundError(f"there is no step {number} that waits")
    effect = None
    if step.may_consent:
        effect = give_consent(index, visit.viewer, number, preview=True)
    elif step.may_approve:
        effect = approve(index, visit.viewer, number, preview=True)
    children_of, systems = _name_children(index, visit, [step])
    return render_page(
        "waiting_step.html",
        visit=visit,
        step=step,
        effect=effect,
        children_of=children_of,
        systems=systems,
    )


@router.post("/waiting/{number}")
def answer(index: IndexDep, visit: VisitDep, number: int, form: FormDep) -> Response:
    """Approve, consent to or refuse a steward's step that waits for this."""
    match form.text("word"):
        case "approve":
            effect = approve(index, visit.viewer, number)
        case "consent":
            effect = give_consent(index, visit.viewer, number)
        case "refuse":
            effect = refuse_consent(index, visit.viewer, number, form.optional_text("reason") or "refused")
        case _:
            raise InputError("word: one of approve, consent, refuse")
    outcome = "awaiting" if effect.awaiting else "said_so"
    return RedirectResponse(f"/waiting?done={outcome}", HTTPStatus.SEE_OTHER)


def _name_children(
    index: Index, visit: Visit, steps: Sequence[PendingStep]
) -> tuple[Callable[[Sequence[RecordRef]], tuple[ChildLabel, ...]], dict[str, str]]:
    """Return a labeler of records' children, and the systems' names."""
    viewer = visit.viewer
    action = Action.DECISION_READ if is_allowed(viewer, Action.DECISION_READ) else Action.CONSENT
    records = {record for step in steps for record in step.records}
    names = look_up_child_names(index, viewer, action, records)
    sources = list_readable_sources(index, viewer)
    return partial(label_children, names), {source.code: source.name for source in sources}

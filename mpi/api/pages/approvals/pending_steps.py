"""Pages of steps that wait for an approver or a source owner.

The page of a step shows its question.
"""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.desk.question_view import build_question_page
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import ChildrenOf, make_child_labeler, name_systems
from mpi.api.pages.rendering.effect_labels import label_effect
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError, StaleError
from mpi.domain.viewer import Action, is_allowed, require_any_permission
from mpi.service.approvals.own_answers import has_answered
from mpi.service.approvals.step_question import load_step_question
from mpi.service.core.index import Index
from mpi.service.gates.sent_back import SEND_BACK_REASONS
from mpi.service.notices.colleagues import look_up_full_names
from mpi.service.persons.step_effects import StepEffect
from mpi.service.stewardship.approvals import approve, send_back
from mpi.service.stewardship.owner_consent import give_consent, refuse_consent
from mpi.service.stewardship.pending_steps import PendingStep, list_pending_steps

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/waiting")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the steps that await approval or consent."""
    steps = list_pending_steps(index, visit.viewer)
    return render_page(
        "waiting.html",
        visit=visit,
        steps=steps,
        full_names=look_up_full_names(index, visit.viewer, [step.by for step in steps]),
        children_of=_label_children(index, visit, steps),
        systems=name_systems(index, visit.viewer),
    )


@router.get("/waiting/{number}")
def show(index: IndexDep, visit: VisitDep, number: int) -> Response:
    """Show a waiting step with its question and effect.

    The page is for approvers and source owners.
    """
    return _render_step(index, visit, _require_step(index, visit, number))


@router.post("/waiting/{number}")
def answer(index: IndexDep, visit: VisitDep, number: int, form: FormDep) -> Response:
    """Approve a waiting step, consent to it, or send it back."""
    require_any_permission(visit.viewer, (Action.APPROVE, Action.CONSENT))
    try:
        outcome = _answer_step(index, visit, number, form)
    except (InputError, ConflictError, NotFoundError) as error:
        if not isinstance(error, InputError) and _is_answered(index, visit, number):
            return RedirectResponse("/waiting", HTTPStatus.SEE_OTHER)
        return _render_step(index, visit, _require_step(index, visit, number), error, form.raw_text("note"))
    return RedirectResponse(f"/waiting?done={outcome}", HTTPStatus.SEE_OTHER)


def _is_answered(index: Index, visit: Visit, number: int) -> bool:
    """Return whether the reader has answered a step already.

    So it is after a double click: the reader has no answer left.
    """
    steps = list_pending_steps(index, visit.viewer)
    is_open = any(each.step == number and (each.may_approve or each.may_consent) for each in steps)
    return not is_open and has_answered(index, visit.viewer, number)


def _answer_step(index: Index, visit: Visit, number: int, form: Form) -> str:
    """Apply the answer of a form; return the code of the message."""
    reason, note = form.optional_text("reason") or "other", form.optional_text("note")
    word = form.text("word")
    if word in {"approve", "consent"}:
        _require_shown(index, visit, number, form.optional_text("shown") or "")
    match word:
        case "approve":
            effect = approve(index, visit.viewer, number)
        case "consent":
            effect = give_consent(index, visit.viewer, number)
        case "refuse":
            refuse_consent(index, visit.viewer, number, reason, note)
            return "sent_back"
        case "send-back":
            send_back(index, visit.viewer, number, reason, note)
            return "sent_back"
        case _:
            raise make_button_error()
    return "awaiting" if effect.awaiting else "approved"


def _require_shown(index: Index, visit: Visit, number: int, shown: str) -> None:
    """Refuse an answer to an effect that the page did not show.

    Raises:
        NotFoundError: there is no such step.
        ConflictError: the step cannot take effect now.
        StaleError: its effect has changed since.
    """
    effect, obstacle = _preview(index, visit, _require_step(index, visit, number))
    if obstacle is not None:
        raise obstacle
    if effect is not None and _tag(index, effect) != shown:
        raise StaleError("what this step changes is another than you were shown: read it again below")


def _tag(index: Index, effect: StepEffect) -> str:
    """Return a tag of what a step would change.

    Past answers to clients do not count.
    """
    return index.keyed_hash.to_token(
        "step-effect", repr(replace(effect, etag=None, disclosed=None, disclosures=()))
    )


def _require_step(index: Index, visit: Visit, number: int) -> PendingStep:
    """Return a waiting step that the viewer may see.

    Raises:
        NotFoundError: there is no such step.
    """
    steps = list_pending_steps(index, visit.viewer)
    step = next((each for each in steps if each.step == number), None)
    if step is None:
        raise NotFoundError(f"there is no step {number} that waits")
    return step


def _render_step(
    index: Index, visit: Visit, step: PendingStep, error: MpiError | None = None, note: str = ""
) -> Response:
    """Render a waiting step on the page of its question."""
    view = load_step_question(index, visit.viewer, step)
    page = build_question_page(index, visit.viewer, view, {})
    effect, obstacle = _preview(index, visit, step)
    systems = name_systems(index, visit.viewer)
    shown_error = error or obstacle
    return render_page(
        "waiting_step.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        section="waiting",
        step=step,
        view=view,
        page=page,
        effect=effect,
        effect_labels=label_effect(index, visit.viewer, effect),
        full_names=look_up_full_names(index, visit.viewer, [step.by]),
        shown="" if effect is None else _tag(index, effect),
        note=note,
        problems=[] if shown_error is None else [("", str(shown_error))],
        problem_title=load_words().waiting.obstacle,
        changes=(),
        reasons=SEND_BACK_REASONS,
        systems=systems,
        children_of=_label_children(index, visit, [step]),
        may_see_person=is_allowed(visit.viewer, Action.PERSON_READ),
        name_systems=lambda codes: ", ".join(systems.get(code, code) for code in codes),
    )


def _preview(index: Index, visit: Visit, step: PendingStep) -> tuple[StepEffect | None, MpiError | None]:
    """Return a step's changes, or why it cannot take effect now."""
    try:
        if step.may_consent:
            return give_consent(index, visit.viewer, step.step, preview=True), None
        if step.may_approve:
            return approve(index, visit.viewer, step.step, preview=True), None
    except ConflictError as error:
        return None, error
    return None, None


def _label_children(index: Index, visit: Visit, steps: Sequence[PendingStep]) -> ChildrenOf:
    """Return a labeler of the children of steps' records."""
    viewer = visit.viewer
    action = Action.DECISION_READ if is_allowed(viewer, Action.DECISION_READ) else Action.CONSENT
    return make_child_labeler(index, viewer, action, (record for step in steps for record in step.records))

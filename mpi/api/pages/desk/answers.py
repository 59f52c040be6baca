"""Form handlers that answer questions, undo answers and ask owners."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.desk.question import (
    open_next_question,
    read_chosen_verdicts,
    read_superseded,
    redirect_to_question,
    render_question,
)
from mpi.api.pages.desk.shown_values import parse_pair_key, parse_record_key
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.paths import question_path
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep, format_flash_query
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.domain.errors import ConflictError, InputError
from mpi.service.core.index import Index
from mpi.service.review.answers.answer_step import AnswerResult
from mpi.service.review.answers.answer_undo import undo_answer
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.answers.responses import ResponseOptions, respond_to_question
from mpi.service.review.owner_questions import ask_owner
from mpi.service.review.question_view import load_question_view

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.post("/queue/{key}/answer")
def post_answer(index: IndexDep, visit: VisitDep, key: str, form: FormDep) -> Response:
    """Save or preview a steward's verdicts on a review question's record pairs.

    Once they are saved, the next question opens.
    """

    def save() -> AnswerResult:
        return answer_question(
            index,
            visit.viewer,
            key,
            _read_verdicts(form),
            form.optional_text("reason") or _default_reason(form),
            form.optional_text("note"),
            form.text("etag"),
            preview=form.is_checked("preview"),
            supersedes=read_superseded(form),
        )

    return _save_or_preview(index, visit, key, form, save)


@router.post("/queue/{key}/respond")
def post_respond(index: IndexDep, visit: VisitDep, key: str, form: FormDep) -> Response:
    """Save or preview a steward's response to a question about a decision."""

    def save() -> AnswerResult:
        response = form.optional_text("response")
        if response is None:
            raise InputError(f"response: {load_words().question.nothing_chosen}")
        answer_details = ResponseOptions(
            form.optional_text("reason") or "other",
            form.optional_text("note"),
            (form.text("etag"),),
            form.is_checked("preview"),
        )
        decision_number = form.raw_text("decision")
        return respond_to_question(
            index,
            visit.viewer,
            key,
            response,
            answer_details,
            int(decision_number) if decision_number.isdecimal() else None,
        )

    return _save_or_preview(index, visit, key, form, save)


@router.post("/queue/{key}/undo")
def post_undo(index: IndexDep, visit: VisitDep, key: str, form: FormDep) -> Response:
    """Undo the answer to a review question and open that question again."""
    step = form.text("step")
    if not step.isdecimal():
        raise InputError("step: give the number of a step")
    effect = undo_answer(index, visit.viewer, key, int(step)).effect
    return redirect_to_question(key, "awaiting" if effect.awaiting else "undone")


@router.post("/queue/{key}/ask")
def post_ask(index: IndexDep, visit: VisitDep, key: str, form: FormDep) -> Response:
    """Send a steward's question to a record's owner; open the next question."""
    try:
        record = parse_record_key(form.raw_text("record")) if form.raw_text("record") else None
        ask_owner(index, visit.viewer, key, record, form.raw_text("asks"), note=form.optional_text("note"))
    except (InputError, ConflictError) as error:
        return render_question(index, visit, load_question_view(index, visit.viewer, key), form, error)
    return open_next_question(index, visit, None, "?done=asked", passed_key=key)


def _save_or_preview(
    index: Index, visit: Visit, key: str, form: Form, save: Callable[[], AnswerResult]
) -> Response:
    """Save or preview an answer to a review question; show the result."""
    try:
        result = save()
    except (InputError, ConflictError) as error:
        return render_question(index, visit, load_question_view(index, visit.viewer, key), form, error)
    effect = result.effect
    if effect.preview:
        return render_question(
            index, visit, load_question_view(index, visit.viewer, key), form, effect=effect
        )
    if result.step is None and not effect.awaiting:
        query = "?done=asked"
    else:
        query = f"?{format_flash_query(effect, 'answered')}&question={question_path(key).rpartition('/')[2]}"
    return open_next_question(index, visit, result.next_key, query)


def _default_reason(form: Form) -> str:
    """Choose a reason code from the verdicts of an answer without one."""
    verdicts = set(read_chosen_verdicts(form).values())
    if "different" in verdicts:
        return "different-children"
    return "same-child" if "same" in verdicts else "not-enough"


def _read_verdicts(form: Form) -> list[PairVerdict]:
    """Read the steward's verdicts on record pairs from the submitted form."""
    verdicts = []
    for key, verdict in read_chosen_verdicts(form).items():
        pair = parse_pair_key(key)
        if pair is None:
            raise InputError("verdicts: a pair is not one of this page")
        verdicts.append(PairVerdict(*pair, verdict))
    if not verdicts:
        raise InputError(f"verdicts: {load_words().question.nothing_said}")
    return verdicts

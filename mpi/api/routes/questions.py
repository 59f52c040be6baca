"""Routes to list, claim and answer review questions, and owner questions."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from mpi.api.request.authentication import ActionPath, CallerDep, IfMatchDep, IndexDep, WriterDep, permit
from mpi.api.request.json_body import require_member
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.openapi_parts import ETAG_ANSWER
from mpi.api.schemas.parameters import ConditionalRead, NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.questions import (
    AnswerBody,
    AnsweredOut,
    AskBody,
    AskedOut,
    AssignBody,
    BulkBody,
    BulkOut,
    DeferBody,
    KeyDep,
    NoteBody,
    OwnerAnswerBody,
    OwnerQuestionOut,
    OwnerQuestionsDep,
    QuestionOut,
    QuestionsDep,
    QuestionViewOut,
    QueuePageOut,
    UndoAnswerBody,
)
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.review import assignments, bulk_actions
from mpi.service.review.answers import answer_undo, pair_answers, responses
from mpi.service.review.answers.answer_step import AnswerResult
from mpi.service.review.answers.pair_answers import PairVerdict
from mpi.service.review.answers.responses import ResponseOptions
from mpi.service.review.owner_questions import (
    OwnerQuestion,
    answer_owner_question,
    ask_owner,
    list_owner_questions,
)
from mpi.service.review.question_view import QuestionView, load_question_view
from mpi.service.review.queue import Filters, QuestionSummary, QueuePage, load_queue_page

router = APIRouter(tags=["review"], route_class=ModelReloadRoute)
_ANY_STATE = "any"
_DEFAULT_UNDO_REASON = "undo"
_WORK_PROBLEMS = describe_problems(404, 409, 413)
_ANSWER_PROBLEMS = describe_problems(404, 409, 412, 413, 422)


@router.get(
    "/v1/review-questions",
    operation_id="list_questions",
    response_model=QueuePageOut,
    summary="List review questions, a page at a time",
    responses=describe_problems(404),
)
def get_questions(index: IndexDep, viewer: CallerDep, query: QuestionsDep) -> QueuePage:
    """List review questions, most urgent first.

    A burst (many questions of one pattern from one load) is listed as one question.
    """
    filters = query.model_dump(exclude={"limit", "after"})
    filters["state"] = None if query.state == _ANY_STATE else query.state
    return load_queue_page(index, viewer, Filters(**filters), query.limit, query.after)


@router.get(
    "/v1/review-questions/{question_key}",
    operation_id="get_question",
    response_model=QuestionViewOut,
    summary="Read a review question",
    responses=describe_problems(404) | ETAG_ANSWER,
    dependencies=[ConditionalRead],
)
def get_question(
    index: IndexDep, viewer: CallerDep, question_key: KeyDep, _: NoQueryDep, response: Response
) -> QuestionView:
    """Return a question with its records, pairs and history.

    `ETag` names what was read, for the `If-Match` of an answer.
    """
    view = load_question_view(index, viewer, question_key)
    response.headers["ETag"] = f'"{view.etag}"'
    return view


@router.post(
    "/v1/review-tasks:bulk",
    operation_id="update_questions",
    response_model=list[BulkOut],
    summary="Defer, assign, escalate or release several questions",
    responses=describe_problems(413),
    dependencies=[ActionPath, permit(Action.TASK_WORK)],
    openapi_extra=describe_body(BulkBody),
)
def post_bulk(
    index: IndexDep, viewer: CallerDep, _: NoQueryDep, body: Annotated[BulkBody, Depends(BulkBody.read)]
) -> list[dict[str, object]]:
    """Defer, assign, escalate or release several questions, each on its own.

    No answer is ever given in bulk.
    """
    errors_by_key = bulk_actions.apply_in_bulk(body.keys, _make_bulk_action(index, viewer, body))
    return [
        {"key": key, "done": error is None, "why": None if error is None else str(error)}
        for key, error in errors_by_key.items()
    ]


def _make_bulk_action(index: Index, viewer: Viewer, body: BulkBody) -> Callable[[str], object]:
    """Return the function that applies a bulk request to each question."""
    match body.action:
        case "defer":
            until = require_member("until", body.until)
            return lambda key: assignments.defer(index, viewer, key, until, body.note)
        case "assign":
            to = require_member("to", body.to)
            return lambda key: assignments.assign(index, viewer, key, to, body.due_on, body.note)
        case "escalate":
            return lambda key: assignments.escalate(index, viewer, key, body.note)
        case "release":
            return lambda key: assignments.release(index, viewer, key, body.note)


@router.post(
    "/v1/review-tasks/{question_key}:claim",
    operation_id="claim_question",
    response_model=QuestionOut,
    summary="Claim a question",
    responses=_WORK_PROBLEMS,
    dependencies=[ActionPath, permit(Action.TASK_WORK)],
    openapi_extra=describe_body(NoteBody),
)
def post_claim(
    index: IndexDep,
    viewer: CallerDep,
    question_key: KeyDep,
    _: NoQueryDep,
    body: Annotated[NoteBody, Depends(NoteBody.read)],
) -> QuestionSummary:
    """Claim a question for twenty minutes.

    Each act of the holder on the question renews the claim. 409 names who else has claimed it.
    """
    return assignments.claim(index, viewer, question_key, body.note)


@router.post(
    "/v1/review-tasks/{question_key}:release",
    operation_id="release_question",
    response_model=QuestionOut,
    summary="Release a claimed question",
    responses=_WORK_PROBLEMS,
    dependencies=[ActionPath, permit(Action.TASK_WORK)],
    openapi_extra=describe_body(NoteBody),
)
def post_release(
    index: IndexDep,
    viewer: CallerDep,
    question_key: KeyDep,
    _: NoQueryDep,
    body: Annotated[NoteBody, Depends(NoteBody.read)],
) -> QuestionSummary:
    """Return a claimed question to the queue."""
    return assignments.release(index, viewer, question_key, body.note)


@router.post(
    "/v1/review-tasks/{question_key}:defer",
    operation_id="defer_question",
    response_model=QuestionOut,
    summary="Defer a question",
    responses=_WORK_PROBLEMS,
    dependencies=[ActionPath, permit(Action.TASK_WORK)],
    openapi_extra=describe_body(DeferBody),
)
def post_defer(
    index: IndexDep,
    viewer: CallerDep,
    question_key: KeyDep,
    _: NoQueryDep,
    body: Annotated[DeferBody, Depends(DeferBody.read)],
) -> QuestionSummary:
    """Defer a question to a day, or until its evidence changes."""
    return assignments.defer(index, viewer, question_key, body.until, body.note)


@router.post(
    "/v1/review-tasks/{question_key}:assign",
    operation_id="assign_question",
    response_model=QuestionOut,
    summary="Assign a question",
    responses=_WORK_PROBLEMS,
    dependencies=[ActionPath, permit(Action.TASK_WORK)],
    openapi_extra=describe_body(AssignBody),
)
def post_assign(
    index: IndexDep,
    viewer: CallerDep,
    question_key: KeyDep,
    _: NoQueryDep,
    body: Annotated[AssignBody, Depends(AssignBody.read)],
) -> QuestionSummary:
    """Assign a question to an account or client.

    A due date is optional. The assignee must be permitted to see every record of the question.
    """
    return assignments.assign(index, viewer, question_key, body.to, body.due_on, body.note)


@router.post(
    "/v1/review-tasks/{question_key}:escalate",
    operation_id="escalate_question",
    response_model=QuestionOut,
    summary="Assign a question to the approvers",
    responses=_WORK_PROBLEMS,
    dependencies=[ActionPath, permit(Action.TASK_WORK)],
    openapi_extra=describe_body(NoteBody),
)
def post_escalate(
    index: IndexDep,
    viewer: CallerDep,
    question_key: KeyDep,
    _: NoQueryDep,
    body: Annotated[NoteBody, Depends(NoteBody.read)],
) -> QuestionSummary:
    """Assign a question to the approvers."""
    return assignments.escalate(index, viewer, question_key, body.note)


@router.post(
    "/v1/review-tasks/{question_key}:ask",
    operation_id="ask_owner",
    response_model=AskedOut,
    summary="Ask the owner of a record",
    responses=_WORK_PROBLEMS,
    dependencies=[ActionPath, permit(Action.TASK_WORK)],
    openapi_extra=describe_body(AskBody),
)
def post_ask(
    index: IndexDep,
    viewer: CallerDep,
    question_key: KeyDep,
    _: NoQueryDep,
    body: Annotated[AskBody, Depends(AskBody.read)],
) -> dict[str, tuple[int, ...]]:
    """Ask the owner of a record.

    The owner sees that one record and nothing else. The question waits for the answer, at most until the due
    date.
    """
    numbers = ask_owner(index, viewer, question_key, body.record, body.asks, body.due_on, body.note)
    return {"numbers": numbers}


@router.post(
    "/v1/review-tasks/{question_key}:decide",
    operation_id="answer_question",
    response_model=AnsweredOut,
    summary="Answer a question",
    responses=_ANSWER_PROBLEMS,
    dependencies=[ActionPath, permit(Action.DECIDE)],
    openapi_extra=describe_body(AnswerBody),
)
def post_decide(
    index: IndexDep,
    viewer: WriterDep,
    question_key: KeyDep,
    etags: IfMatchDep,
    _: NoQueryDep,
    body: Annotated[AnswerBody, Depends(AnswerBody.read)],
) -> AnswerResult:
    """Answer a question by verdicts on its pairs, or by a response.

    A response answers a question about a decision. An answer is one step, which can be undone whole. Verdicts
    that contradict each other are refused. An answer that contradicts decisions in force is answered 409 with
    their numbers in `chain`.
    """
    if body.response is not None:
        options = ResponseOptions(body.reason, body.note, etags, body.preview)
        return responses.respond_to_question(
            index, viewer, question_key, body.response, options, body.decision
        )
    verdicts = require_member("verdicts", body.verdicts)
    return pair_answers.answer_question(
        index,
        viewer,
        question_key,
        [PairVerdict(verdict.left, verdict.right, verdict.kind) for verdict in verdicts],
        body.reason,
        body.note,
        etags,
        preview=body.preview,
        recheck_on=body.recheck_on,
        supersedes=body.supersedes,
    )


@router.post(
    "/v1/review-tasks/{question_key}:undo",
    operation_id="undo_answer",
    response_model=AnsweredOut,
    summary="Undo an answer",
    responses=_ANSWER_PROBLEMS,
    dependencies=[ActionPath, permit(Action.DECIDE)],
    openapi_extra=describe_body(UndoAnswerBody),
)
def post_undo_answer(
    index: IndexDep,
    viewer: WriterDep,
    question_key: KeyDep,
    _: NoQueryDep,
    body: Annotated[UndoAnswerBody, Depends(UndoAnswerBody.read)],
) -> AnswerResult:
    """Undo an answer whole and claim its question for the caller.

    The question reopens with its history.
    """
    reason = body.reason or _DEFAULT_UNDO_REASON
    return answer_undo.undo_answer(
        index, viewer, question_key, body.step, reason=reason, preview=body.preview
    )


@router.get(
    "/v1/owner-questions",
    operation_id="list_owner_questions",
    response_model=list[OwnerQuestionOut],
    summary="List questions to the owner of a source",
    responses=describe_problems(),
)
def get_owner_questions(
    index: IndexDep, viewer: CallerDep, query: OwnerQuestionsDep
) -> tuple[OwnerQuestion, ...]:
    """List the questions to the owner of the caller's sources.

    Each names one record of those sources and nothing of any other. Ordered by due date.
    """
    return list_owner_questions(index, viewer, answered=query.answered)


@router.post(
    "/v1/owner-questions/{number}:answer",
    operation_id="answer_owner_question",
    response_model=AskedOut,
    summary="Answer a question as the source's owner",
    responses=_WORK_PROBLEMS,
    dependencies=[ActionPath, permit(Action.QUESTION_ANSWER)],
    openapi_extra=describe_body(OwnerAnswerBody),
)
def post_owner_answer(
    index: IndexDep,
    viewer: CallerDep,
    number: NumberDep,
    _: NoQueryDep,
    body: Annotated[OwnerAnswerBody, Depends(OwnerAnswerBody.read)],
) -> dict[str, tuple[int, ...]]:
    """Answer a question as the owner of its record's source.

    The answer goes into the history of the steward's question, which reopens.
    """
    numbers = answer_owner_question(index, viewer, number, body.answer, body.note, alike=body.alike)
    return {"numbers": numbers}

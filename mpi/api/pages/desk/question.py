"""Page of one question: claim, read, answer and reassign it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.activity.people_options import list_assignee_options, list_mention_options
from mpi.api.pages.desk.question_view import QuestionPage, build_question_page
from mpi.api.pages.desk.shown_values import describe_changes
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.answer_groups import AnswerLevel, read_group_verdict
from mpi.api.pages.rendering.child_labels import ChildLabel, label_children
from mpi.api.pages.rendering.effect_labels import label_effect
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.paths import question_path
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import (
    ClaimedError,
    ConflictError,
    DecisionConflict,
    InputError,
    MpiError,
    NotFoundError,
    StaleError,
)
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, is_allowed
from mpi.service.core.index import Index
from mpi.service.directory.contact_file import find_directory
from mpi.service.directory.contacts import Contact
from mpi.service.gates.sent_back import REPLY
from mpi.service.notices.question_notes import add_note
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.persons.step_effects import StepEffect
from mpi.service.review.assignments import assign, claim, defer, escalate, release, reply
from mpi.service.review.owner_questions import FIELDS_BY_REQUEST_KIND
from mpi.service.review.question_view import QuestionView, load_question_view
from mpi.service.review.queue import Filters, load_queue_page

router = APIRouter(include_in_schema=False, route_class=PageRoute)

OPTIONS = (("same", "s"), ("different", "d"), ("unsure", "u"), ("ask", "a"))
"""Verdicts on a pair, with their keyboard shortcuts."""
_REASONS_BY_ANSWER = (
    (
        "same",
        ("same-child", "typo", "name-change", "adoption", "nickname", "moved", "source-confirmed"),
    ),
    (
        "different",
        (
            "different-children",
            "twin",
            "sibling",
            "namesake",
            "parent-and-child",
            "wrong-link",
            "record-of-two",
            "source-mistake",
        ),
    ),
    ("other", ("not-enough", "other")),
)
"""Reason codes by the answer that they fit, in the order of their keys 1 to 9."""
_MAX_NAMED_MEMBERS = 100
"""Most members of households whose names are read; the others are shown by their IDs."""
_MAX_CLAIM_ATTEMPTS = 20
"""Number of questions to try when others claim them at the same time."""


@router.get("/queue/{key}")
def show(index: IndexDep, visit: VisitDep, key: str, by: str = "") -> Response:
    """Show the page of one clerical-review question.

    ``by=child`` asks about each two children by themselves, and ``by=pair`` about each pair of records.
    """
    form = Form({"by": [by]})
    return render_question(index, visit, load_question_view(index, visit.viewer, key), form)


@router.post("/queue/next")
def take_next(index: IndexDep, visit: VisitDep, _form: FormDep) -> Response:
    """Claim the most urgent unclaimed review question and open it."""
    return open_next_question(index, visit, None, "")


@router.post("/queue/{key}/claim")
def post_claim(index: IndexDep, visit: VisitDep, key: str, _form: FormDep) -> Response:
    """Claim a review question for the steward and open it."""
    claimed_question = claim(index, visit.viewer, key)
    return RedirectResponse(question_path(claimed_question.key), HTTPStatus.SEE_OTHER)


@router.post("/queue/{key}/release")
def post_release(index: IndexDep, visit: VisitDep, key: str, _form: FormDep) -> Response:
    """Give up a claimed review question, which returns to the queue."""
    return redirect_to_question(release(index, visit.viewer, key).key, "released")


@router.post("/queue/{key}/defer")
def post_defer(index: IndexDep, visit: VisitDep, key: str, form: FormDep) -> Response:
    """Put off a review question until a later day."""
    return _change_assignment(
        index, visit, key, form, "deferred", lambda: defer(index, visit.viewer, key, form.text("until"))
    )


@router.post("/queue/{key}/assign")
def post_assign(index: IndexDep, visit: VisitDep, key: str, form: FormDep) -> Response:
    """Assign a review question to an account named in the form."""
    return _change_assignment(
        index, visit, key, form, "assigned", lambda: assign(index, visit.viewer, key, form.text("to"))
    )


@router.post("/queue/{key}/note")
def post_note(index: IndexDep, visit: VisitDep, key: str, form: FormDep) -> Response:
    """Add a note to a question, and notify the people it mentions.

    A person who is chosen from the list is mentioned in the note.
    """
    person = form.optional_text("mention")
    text = form.raw_text("note")
    note = text if person is None or f"@{person}" in text else f"{text.rstrip()} @{person}"
    try:
        add_note(index, visit.viewer, key, note)
    except InputError as error:
        return render_question(index, visit, load_question_view(index, visit.viewer, key), form, error)
    return redirect_to_question(key, "noted")


@router.post("/queue/{key}/escalate")
def post_escalate(index: IndexDep, visit: VisitDep, key: str, form: FormDep) -> Response:
    """Pass a review question on to the approvers."""
    note = form.optional_text("note")
    return _change_assignment(
        index, visit, key, form, "escalated", lambda: escalate(index, visit.viewer, key, note)
    )


@router.post("/queue/{key}/reply")
def post_reply(index: IndexDep, visit: VisitDep, key: str, form: FormDep) -> Response:
    """Reply to an escalation, which gives the question back."""
    return _change_assignment(
        index, visit, key, form, "replied", lambda: reply(index, visit.viewer, key, form.text("note"))
    )


def _change_assignment(
    index: Index, visit: Visit, key: str, form: Form, outcome: str, change: Callable[[], object]
) -> Response:
    """Reassign or put off a review question, then open the next one.

    Then the next question opens. An error is shown on the question's page instead.

    Args:
        index: the open index.
        visit: context of the page request.
        key: key of the question.
        form: the submitted form, shown again with an error.
        outcome: code of the message after success.
        change: does the change.
    """
    try:
        change()
    except (InputError, ConflictError, NotFoundError) as error:
        return render_question(index, visit, load_question_view(index, visit.viewer, key), form, error)
    return open_next_question(index, visit, None, f"?done={outcome}", passed_key=key)


def open_next_question(
    index: Index, visit: Visit, key: str | None, query: str, *, passed_key: str = ""
) -> Response:
    """Claim and open a review question, or show the home page.

    Args:
        index: the open index.
        visit: context of the page request.
        key: the question to claim; None for the most urgent free one.
        query: query string of the next page, which tells what was just done.
        passed_key: the question that was just put off or given away, which is not opened again.
    """
    candidates = [key] if key is not None else []
    queue_page = (
        load_queue_page(index, visit.viewer, Filters(), limit=_MAX_CLAIM_ATTEMPTS) if key is None else None
    )
    if queue_page is not None:
        candidates += [summary.key for summary in queue_page.questions if summary.key != passed_key]
    for candidate in candidates:
        try:
            claimed_question = claim(index, visit.viewer, candidate)
        except (ConflictError, NotFoundError):
            # Another steward claimed the question first.
            continue
        return RedirectResponse(f"{question_path(claimed_question.key)}{query}", HTTPStatus.SEE_OTHER)
    return RedirectResponse(f"/{query or '?done=nothing_waits'}", HTTPStatus.SEE_OTHER)


def redirect_to_question(key: str, outcome: str) -> Response:
    """Redirect to a review question's page, which tells what was done."""
    return RedirectResponse(f"{question_path(key)}?done={outcome}", HTTPStatus.SEE_OTHER)


def render_question(
    index: Index,
    visit: Visit,
    view: QuestionView,
    form: Form,
    error: MpiError | None = None,
    effect: StepEffect | None = None,
) -> Response:
    """Render a review question's page with the form's inputs and errors."""
    chosen = read_chosen_verdicts(form)
    level = _read_level(form)
    question_page = build_question_page(index, visit.viewer, view, chosen, level)
    summary = view.summary
    may_work = is_allowed(visit.viewer, Action.TASK_WORK)
    is_own_claim = summary.claimed_by == visit.viewer.client
    today = date.fromisoformat(clock.today())
    is_stale = isinstance(error, StaleError)
    is_open = summary.state != "closed"
    return render_page(
        "question.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        view=view,
        page=question_page,
        systems=question_page.systems,
        contacts=_list_contacts(index, question_page),
        level=level.value,
        path=question_path(summary.key),
        mine=is_own_claim,
        may_work=may_work,
        may_answer=may_work and is_own_claim and summary.state != "closed",
        may_see_person=is_allowed(visit.viewer, Action.PERSON_READ),
        options=OPTIONS,
        reasons=_REASONS_BY_ANSWER,
        reason=form.raw_text("reason"),
        note=form.raw_text("note"),
        effect=effect,
        effect_labels=label_effect(index, visit.viewer, effect),
        problems=[] if error is None else [(_find_error_field(error), str(error))],
        problem_title=_find_error_title(error),
        said=form.raw_text("response"),
        chain=error.chain if isinstance(error, DecisionConflict) else (),
        supersedes=form.raw_text("supersedes"),
        asks=tuple(FIELDS_BY_REQUEST_KIND),
        undoable=_find_undoable_steps(view) if may_work else frozenset(),
        escalator=_find_escalator(view, visit.viewer.client),
        changes=describe_changes(view, form.texts("seen")) if is_stale else [],
        tomorrow=str(today + timedelta(days=1)),
        in_a_month=str(today + timedelta(days=30)),
        children_of=_name_households(index, visit, view),
        colleagues=list_mention_options(index, visit, summary) if may_work and is_open else (),
        can_note=may_work and is_open,
        noted=form.raw_text("note") if isinstance(error, InputError) and "mention" in form.names() else "",
        people=list_assignee_options(index, visit, summary) if is_own_claim and may_work else (),
    )


def _list_contacts(index: Index, page: QuestionPage) -> tuple[Contact, ...]:
    """Return whom to call about the records that the question shows."""
    directory = find_directory(index)
    sources = dict.fromkeys(column.label.source for column in page.columns)
    found = (directory.find_for_source(source) for source in sources)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _name_households(
    index: Index, visit: Visit, view: QuestionView
) -> Callable[[Sequence[RecordRef]], tuple[ChildLabel, ...]]:
    """Return a function that labels the children whom a record lives with."""
    members = list(dict.fromkeys(member for card in view.cards for member in card.household))
    names = look_up_child_names(index, visit.viewer, Action.TASK_READ, members[:_MAX_NAMED_MEMBERS])
    return partial(label_children, names)


def read_chosen_verdicts(form: Form) -> Mapping[str, str]:
    """Read the verdicts that the form holds for each record pair.

    A pair that is answered with another has the verdict of that one: ``as-`` names its number. One answer
    for three or more children may tell that one alone is the same: ``group-`` names the child's first pair.
    """
    pairs = form.texts("pair")
    verdicts = {
        pair: read_group_verdict(
            form.raw_text(f"verdict-{form.raw_text(f'as-{no}') or no}"), form.raw_text(f"group-{no}")
        )
        for no, pair in enumerate(pairs)
    }
    return {pair: verdict for pair, verdict in verdicts.items() if verdict}


def _read_level(form: Form) -> AnswerLevel:
    """Read what one answer of the form is about."""
    text = form.raw_text("by")
    return AnswerLevel(text) if text in set(AnswerLevel) else AnswerLevel.QUESTION


def read_superseded(form: Form) -> tuple[int, ...]:
    """Read the numbers of the decisions that an answer supersedes.

    Raises:
        InputError: a value is not a number.
    """
    try:
        return tuple(int(number) for text in form.texts("supersedes") for number in text.split(","))
    except ValueError:
        raise InputError("supersedes: give numbers of decisions") from None


def _find_undoable_steps(view: QuestionView) -> frozenset[int]:
    """Return the steps of a review question's answers that were not undone."""
    undone_steps = {act.detail.get("of") for act in view.history}
    answer_steps = {act.step for act in view.history if act.action == "answer" and act.step is not None}
    return frozenset(answer_steps - undone_steps)


def _find_escalator(view: QuestionView, reader: str) -> str | None:
    """Return who else waits for the answer to an escalation.

    The history of the question names the person.
    """
    for act in reversed(view.history):
        if act.action == "escalate":
            return None if act.actor == reader else act.actor
        if act.action in {"answer", REPLY}:
            return None
    return None


def _find_error_field(error: MpiError) -> str:
    """Return the HTML ID of the question-form field that an error concerns."""
    field = str(error).partition(":")[0]
    return {
        "verdicts": "pair-0",
        "response": "response",
        "asks": "asks",
        "record": "ask-record",
        "reason": "reason",
        "note": "note",
        "until": "until",
        "to": "to",
    }.get(field, "")


def _find_error_title(error: MpiError | None) -> str | None:
    """Return a heading if the question is outdated or claimed by another."""
    texts = load_words()
    if isinstance(error, StaleError):
        return str(texts.error.title_412)
    if isinstance(error, ClaimedError):
        return str(texts.error.title_409)
    return None

"""Page of the activity list and of the answers for the reader."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import ChildLabel, make_child_labeler, name_systems
from mpi.api.pages.rendering.paths import question_path
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import Action, is_allowed, require_permission
from mpi.service.core.index import Index
from mpi.service.gates.sent_back import parse_step_key
from mpi.service.notices.activity import ActivityPage, ActivityScope, list_activity
from mpi.service.notices.colleagues import look_up_full_names
from mpi.service.notices.digest import find_address, turn_off, turn_on
from mpi.service.notices.returned_answers import (
    ReturnedAnswer,
    ReturnKey,
    ReturnKind,
    dismiss_all,
    dismiss_answers,
    list_returned_answers,
    parse_key,
)

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_EMPTY = ActivityPage((), None)


@dataclass(frozen=True, slots=True)
class ReturnedItem:
    """Answer that came back, as the page lists it.

    ``word`` is the code of its text, ``item`` the value with which a form names it.
    """

    answer: ReturnedAnswer
    item: str
    word: str
    children: tuple[ChildLabel, ...]
    can_open: bool


@router.get("/activity")
def show(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show what the reader, the team, or anybody with one child did."""
    require_permission(visit.viewer, Action.TASK_READ)
    return _render(index, visit, request.query_params)


@router.post("/activity")
def answer(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Open or dismiss answers, or switch the daily mail on or off."""
    require_permission(visit.viewer, Action.TASK_READ)
    try:
        return _answer(index, visit, form)
    except (InputError, ConflictError) as error:
        return _render(index, visit, {}, error)


def _answer(index: Index, visit: Visit, form: Form) -> Response:
    """Mark what a form names as read, and go on to it.

    Raises:
        InputError: the form names no such item or act.
    """
    match form.button():
        case "dismiss_all":
            dismiss_all(index, visit.viewer)
        case "dismiss":
            dismiss_answers(index, visit.viewer, [parse_key(form.text("item"))])
        case "open":
            key = parse_key(form.text("item"))
            path = _find_path(index, visit, key)
            dismiss_answers(index, visit.viewer, [key])
            return RedirectResponse(path, HTTPStatus.SEE_OTHER)
        case "mail_on":
            turn_on(index, visit.viewer, form.text("address"))
            return RedirectResponse("/activity?done=mail_on", HTTPStatus.SEE_OTHER)
        case "mail_off":
            turn_off(index, visit.viewer)
            return RedirectResponse("/activity?done=mail_off", HTTPStatus.SEE_OTHER)
        case _:
            raise make_button_error()
    return RedirectResponse("/activity?done=read", HTTPStatus.SEE_OTHER)


def _find_path(index: Index, visit: Visit, key: ReturnKey) -> str:
    """Return the path of the page that shows what came back."""
    items = _list_items(index, visit, list_returned_answers(index, visit.viewer))
    item = next((item for item in items if item.answer.key == key), None)
    if item is None or not item.can_open:
        return "/activity"
    if item.answer.question is not None and _is_open_page(item.answer.question):
        return question_path(item.answer.question)
    eid = next(child.enterprise_id for child in item.children if child.enterprise_id)
    return f"/people/{eid}"


def _render(index: Index, visit: Visit, query: Mapping[str, str], error: MpiError | None = None) -> Response:
    """Render the list of a tab, below what came back."""
    scope, page = ActivityScope.MINE, _EMPTY
    try:
        scope = _read_scope(query)
        if scope is not ActivityScope.CHILD or query.get("eid"):
            page = list_activity(index, visit.viewer, scope, query.get("eid"), query.get("before") or None)
    except (InputError, NotFoundError) as failure:
        error = error or failure
    entries = [(entry, _is_open_page(entry.question)) for entry in page.entries]
    records = [record for entry in page.entries for record in entry.records]
    returned = _list_items(index, visit, list_returned_answers(index, visit.viewer))
    chosen = {"tab": scope.value, **({"eid": query["eid"]} if query.get("eid") else {})}
    return render_page(
        "activity.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        returned=returned,
        full_names=look_up_full_names(index, visit.viewer, [item.answer.actor for item in returned]),
        tabs=_list_tabs(visit),
        tab=scope.value,
        eid=query.get("eid", ""),
        entries=entries,
        older=None if page.before is None else f"/activity?{urlencode({**chosen, 'before': page.before})}",
        newest=f"/activity?{urlencode(chosen)}" if query.get("before") else None,
        children_of=make_child_labeler(index, visit.viewer, Action.TASK_READ, records),
        systems=name_systems(index, visit.viewer),
        question_path=question_path,
        sends_mail=index.settings.sends_mail,
        mail_address=find_address(index, visit.viewer) if index.settings.sends_mail else None,
        problems=[] if error is None else [(_find_field(query, error), str(error))],
    )


def _find_field(query: Mapping[str, str], error: MpiError) -> str:
    """Return the HTML ID of the field that an error is about."""
    if str(error).startswith("address:"):
        return "address"
    return "eid" if query.get("eid") else ""


def _read_scope(query: Mapping[str, str]) -> ActivityScope:
    """Read which tab is wanted.

    Raises:
        InputError: there is no such tab.
    """
    text = query.get("tab") or ActivityScope.MINE.value
    if text not in set(ActivityScope):
        raise InputError("tab: mine, team or child")
    return ActivityScope(text)


def _list_tabs(visit: Visit) -> tuple[str, ...]:
    """Return the tabs that the reader may open."""
    can_see_child = is_allowed(visit.viewer, Action.PERSON_READ)
    return tuple(scope.value for scope in ActivityScope if scope is not ActivityScope.CHILD or can_see_child)


def _list_items(index: Index, visit: Visit, answers: Sequence[ReturnedAnswer]) -> list[ReturnedItem]:
    """Return answers that came back, with their children and words."""
    records = [record for answer in answers for record in answer.records]
    children_of = make_child_labeler(index, visit.viewer, Action.TASK_READ, records)
    can_see_child = is_allowed(visit.viewer, Action.PERSON_READ)
    items = []
    for answer in answers:
        children = children_of(answer.records)
        has_page = can_see_child and any(child.enterprise_id for child in children)
        items.append(
            ReturnedItem(
                answer=answer,
                item=f"{answer.key.kind}:{answer.key.number}:{answer.key.part}",
                word="mention" if answer.key.kind is ReturnKind.MENTION else answer.outcome,
                children=children,
                can_open=_is_open_page(answer.question) or has_page,
            )
        )
    return items


def _is_open_page(question: str | None) -> bool:
    """Return whether a question has a page.

    The history of a step alone has no page.
    """
    return question is not None and parse_step_key(question) is None

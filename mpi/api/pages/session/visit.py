"""A visit: who looks at a page, what their menu holds, and what they have just done."""

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request

from mpi.api.pages.rendering.words import format_text, load_words
from mpi.api.pages.session.session import SignedDep
from mpi.api.request.access import IndexDep
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.access.sign_in import SignedInAccount
from mpi.service.core.index import Index
from mpi.service.persons.effects import StepEffect

_MENU = (
    ("home", "/", (Action.TASK_WORK,)),
    ("queue", "/queue", (Action.TASK_READ,)),
    ("find", "/find", (Action.PERSON_SEARCH, Action.PERSON_READ)),
    ("waiting", "/waiting", (Action.DECISION_READ, Action.CONSENT)),
    ("asked", "/asked", (Action.QUESTION_ANSWER,)),
    ("runs", "/runs", (Action.RECLUSTER,)),
    ("quality", "/quality", (Action.QUALITY_READ,)),
    ("accounts", "/accounts", (Action.ACCOUNT_ADMIN,)),
)
"""Name, address, and the actions of which one opens it."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A place of the menu."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class UndoForm:
    """How to take back what was just done: a form's address and fields."""

    action: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FlashMessage:
    """What was just done, in words."""

    text: str
    undo: UndoForm | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at a page.

    Args:
        viewer: what the policy knows them as.
        name: of the account; empty where nobody signs in.
        full_name: who that is.
        role: what they are here for.
        csrf: what every form bears.
        test: whether the records are synthetic.
        roles: the roles that a demonstration lets them try.
        flash: what they have just done.
    """

    viewer: Viewer
    name: str = ""
    full_name: str = ""
    role: str = ""
    csrf: str = ""
    test: bool = False
    roles: tuple[str, ...] = ()
    flash: FlashMessage | None = field(default=None)

    @property
    def menu(self) -> tuple[MenuItem, ...]:
        """The places that the policy opens to them."""
        return tuple(
            MenuItem(name, href)
            for name, href, actions in _MENU
            if any(is_allowed(self.viewer, action) for action in actions)
        )

    def may(self, action: str) -> bool:
        """Whether the policy lets them do it: for what a page leaves out."""
        return is_allowed(self.viewer, Action(action))


def create_visit(request: Request, index: Index, signed: SignedInAccount | None) -> Visit:
    """The visit of a request; of nobody where nobody is signed in."""
    if signed is None:
        return Visit(Viewer("nobody"), test=index.settings.is_test)
    return Visit(
        signed.viewer,
        signed.name,
        signed.full_name,
        signed.role,
        signed.csrf,
        index.settings.is_test,
        tuple(role.value for role in Role) if request.app.state.open_pages else (),
        _read_flash_message(request),
    )


def provide_visit(request: Request, index: IndexDep, signed: SignedDep) -> Visit:
    """Who looks at the page that is asked for."""
    return create_visit(request, index, signed)


VisitDep = Annotated[Visit, Depends(provide_visit)]


def _read_flash_message(request: Request) -> FlashMessage | None:
    """What the address says was just done: a code, and numbers; no text of anybody's is shown from there."""
    query = request.query_params
    text = load_words().done.maybe(query.get("done", ""))
    if text is None:
        return None
    if "{until}" in text:
        until = query.get("until", "")
        if not _is_day(until):
            return None
        text = str(format_text(text, until=until))
    step, question = query.get("step", ""), query.get("question", "")
    undo = None
    if step.isascii() and step.isdigit():
        if question:
            undo = UndoForm(f"/queue/{quote(question, safe=':')}/undo", (("step", step),))
        else:
            undo = UndoForm(
                f"/steps/{step}/undo", (("confirm", "1"), ("eid", request.path_params.get("eid", "")))
            )
    return FlashMessage(text, undo)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def format_flash_query(effect: StepEffect, outcome: str) -> str:
    """What an address says was just done: ``done``, or what stands in its way, and the step to undo.

    Args:
        effect: what the step did.
        outcome: the code of what it is called where nothing stands in its way.
    """
    if effect.awaiting:
        return "done=awaiting"
    step = "" if effect.step is None else f"&step={effect.step}"
    if effect.held_until is not None:
        return f"done=frozen&until={effect.held_until}{step}"
    return f"done={outcome}{step}"

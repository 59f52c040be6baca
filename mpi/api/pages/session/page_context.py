"""Context of a page request: user, menu and flash message."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from math import ceil
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request

from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.api.pages.session.authentication import READ_METHODS, SignedDep, find_page
from mpi.api.request.authentication import IndexDep
from mpi.domain import clock
from mpi.domain.errors import MpiError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.access.break_glass import UseState
from mpi.service.access.session_authentication import SessionEnd, SignedInAccount
from mpi.service.core.index import Index
from mpi.service.data_quality.issues import READERS
from mpi.service.notices.menu_counts import MAX_COUNTED, MenuCounts, count_for_menu
from mpi.service.notices.sent_corrections import RECIPIENT_ACTIONS
from mpi.service.persons.step_effects import StepEffect

IS_SANDBOX = "mpi.is_sandbox"
"""Key in the ASGI scope of a request to the sandbox for vendors."""
_MENU = (
    ("home", "/", (Action.TASK_WORK,)),
    ("queue", "/queue", (Action.TASK_READ,)),
    ("students", "/students-in-care", (Action.ROSTER_READ,)),
    ("children", "/my-children", (Action.CASELOAD_READ,)),
    ("local_match", "/local-match", (Action.LOCAL_MATCH,)),
    ("find", "/find", (Action.PERSON_SEARCH, Action.PERSON_READ)),
    ("register", "/register", (Action.RECORD_WRITE,)),
    ("waiting", "/waiting", (Action.DECISION_READ, Action.CONSENT)),
    ("activity", "/activity", (Action.TASK_READ,)),
    ("asked", "/asked", (Action.QUESTION_ANSWER,)),
    ("corrections", "/corrections", RECIPIENT_ACTIONS),
    ("runs", "/runs", (Action.RECLUSTER,)),
    ("reports", "/reports", (Action.REPORT_READ,)),
    ("quality", "/quality", (Action.QUALITY_READ,)),
    ("agreements", "/agreements", (Action.AGREEMENT_READ,)),
    ("papers", "/papers", (Action.AGREEMENT_READ,)),
    ("obligations", "/obligations", (Action.AGREEMENT_ADMIN,)),
    ("accounts", "/accounts", (Action.ACCOUNT_ADMIN,)),
    ("account_requests", "/account-requests", (Action.APPROVE,)),
    ("clients", "/clients", (Action.CLIENT_ADMIN,)),
    ("loads", "/loads", (Action.LOAD,)),
    ("issues", "/issues", READERS),
    ("freezes", "/freezes", (Action.SOURCE_ADMIN,)),
    ("sources", "/sources", (Action.SOURCE_ADMIN,)),
    ("health", "/health", (Action.SOURCE_ADMIN,)),
    ("seals", "/seals", (Action.RECORD_SEAL, Action.RECORD_EXPUNGE)),
    ("ledger", "/ledger", (Action.LEDGER_READ,)),
    ("incidents", "/incidents", (Action.LEDGER_READ,)),
    ("subpoenas", "/subpoenas", (Action.SUBPOENA_MANAGE, Action.SUBPOENA_DECIDE)),
    ("rights", "/rights", (Action.RIGHTS_MANAGE, Action.RIGHTS_DECIDE)),
    ("retention", "/retention", (Action.RIGHTS_MANAGE, Action.RIGHTS_DECIDE)),
    ("research", "/research", (Action.AGREEMENT_ADMIN,)),
    ("consents", "/consents", (Action.CONSENT_RECORD,)),
    ("emergency", "/emergency", (Action.BREAK_GLASS,)),
    ("emergency_uses", "/emergency/uses", (Action.AGREEMENT_ADMIN,)),
    ("contacts", "/contacts", (Action.ROSTER_READ, Action.CASELOAD_READ, Action.SOURCE_ADMIN)),
)
"""Name, path, and actions of which the viewer needs one, by menu item."""

_MENU_GROUPS = (
    (
        "work",
        (
            "home",
            "students",
            "children",
            "local_match",
            "queue",
            "find",
            "register",
            "waiting",
            "activity",
            "asked",
            "issues",
            "contacts",
            "corrections",
            "emergency",
        ),
    ),
    (
        "oversight",
        (
            "reports",
            "quality",
            "runs",
            "ledger",
            "incidents",
            "seals",
            "subpoenas",
            "rights",
            "retention",
            "research",
            "consents",
            "emergency_uses",
            "papers",
            "obligations",
        ),
    ),
    (
        "administration",
        ("agreements", "accounts", "account_requests", "clients", "loads", "freezes", "sources", "health"),
    ),
)
"""Group names with their menu items; an item in no group is in ``more``."""
_WARNING_TIME = timedelta(minutes=2, seconds=30)
"""Time before the end of a session at which a page warns; WCAG 2.2.1 asks for 20 seconds."""
_OTHER_GROUP = "more"
_MAX_FLAT_ITEMS = 6
"""Most items of a menu without folded groups."""


_COUNTS_BY_ITEM = {
    "home": "questions", "waiting": "approvals", "activity": "answers", "corrections": "corrections",
    "incidents": "incidents",
}  # fmt: skip
"""Field of ``MenuCounts`` that a menu item shows."""
_SHOWN_WITH_COUNT = frozenset({"corrections"})
"""Menu items that are shown only while something waits there."""


@dataclass(frozen=True, slots=True)
class MenuItem:
    """Item of the pages' navigation menu.

    ``count`` is how much waits there for the viewer, at most ``MAX_COUNTED`` and one more.
    """

    name: str
    href: str
    count: int = 0

    @property
    def count_text(self) -> str:
        """Count as the menu shows it; empty for none."""
        if self.count > MAX_COUNTED:
            return f"{MAX_COUNTED}+"
        return str(self.count) if self.count else ""


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """Group of items of the navigation menu.

    Args:
        name: code of the group.
        items: its items, which the viewer may open.
        is_folded: whether the items show only after a press on the group's name.
    """

    name: str
    items: tuple[MenuItem, ...]
    is_folded: bool

    @property
    def names(self) -> frozenset[str]:
        """Names of the items."""
        return frozenset(item.name for item in self.items)


@dataclass(frozen=True, slots=True)
class UndoForm:
    """Path and fields of a form that undoes the last step."""

    action: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FlashMessage:
    """Message on a page about what was just done, with undo form."""

    text: str
    undo: UndoForm | None = None


@dataclass(frozen=True, slots=True)
class EmergencyBanner:
    """What every page says of the emergency access that its reader uses.

    Args:
        ends_at: when its time is over (ISO, UTC).
        minutes_left: whole minutes until then, the begun one included.
        children_left: number of further children that it may open.
        is_over: whether it permits nothing any more.
    """

    ends_at: str
    minutes_left: int
    children_left: int
    is_over: bool


@dataclass(frozen=True, slots=True)
class SessionClock:
    """Values by which a page's script warns of the session's end.

    Args:
        seconds_left: seconds until the session ends if nothing is done, up to a minute too many.
        warn_before: seconds before the end at which the page warns.
        can_extend: whether one press can move that end.
        draft_key: hexadecimal key that only this person's pages hold. The browser keeps what was typed
            encrypted with it.
        page: path of the page, or of the page that holds the form which this one answers.
        answers_form: whether the page answers a form, and may hold what was typed.
    """

    seconds_left: int
    warn_before: int
    can_extend: bool
    draft_key: str
    page: str
    answers_form: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """Context of one page request: viewer, role, CSRF token and message.

    Args:
        viewer: the user as the access policy knows them.
        name: account name; empty if nobody is signed in.
        full_name: the user's full name.
        role: the user's role.
        csrf: CSRF token of every form.
        test: whether the records are synthetic.
        is_sandbox: whether the index is the sandbox for vendors.
        roles: roles that a demonstration lets the user try.
        flash: message about what the user has just done.
        emergency: what is left of the emergency access that the user uses; None for none.
        session: when the session ends; None for no session.
        count: counts what waits for the user, once for a page.
    """

    viewer: Viewer
    name: str = ""
    full_name: str = ""
    role: str = ""
    csrf: str = ""
    test: bool = False
    roles: tuple[str, ...] = ()
    flash: FlashMessage | None = field(default=None)
    emergency: EmergencyBanner | None = None
    session: SessionClock | None = None
    count: Callable[[], MenuCounts] = MenuCounts
    is_sandbox: bool = False

    @property
    def menu(self) -> tuple[MenuItem, ...]:
        """Items of the navigation menu that the viewer may open."""
        counts = self.count()
        items = (
            MenuItem(name, href, getattr(counts, _COUNTS_BY_ITEM[name]) if name in _COUNTS_BY_ITEM else 0)
            for name, href, actions in _MENU
            if any(is_allowed(self.viewer, action) for action in actions)
        )
        return tuple(item for item in items if item.count or item.name not in _SHOWN_WITH_COUNT)

    @property
    def menu_groups(self) -> tuple[MenuGroup, ...]:
        """Items of the navigation menu by group.

        The first group is never folded, nor is a group of one item, nor any group of a short menu.
        """
        menu = self.menu
        groups: list[MenuGroup] = []
        for name, item_names in (*_MENU_GROUPS, (_OTHER_GROUP, None)):
            items = tuple(item for item in menu if _is_in_group(item.name, item_names))
            is_folded = bool(groups) and len(items) > 1 and len(menu) > _MAX_FLAT_ITEMS
            if items:
                groups.append(MenuGroup(name, items, is_folded))
        return tuple(groups)

    @property
    def opened_at(self) -> str:
        """Present time (ISO, UTC); only paper shows its day."""
        return clock.format_timestamp(clock.now())

    def may(self, action: str) -> bool:
        """Check whether the viewer may perform an action."""
        return is_allowed(self.viewer, Action(action))


def _is_in_group(item_name: str, item_names: tuple[str, ...] | None) -> bool:
    """Check whether a menu item is in a group.

    The group None holds the items of no other group.
    """
    if item_names is not None:
        return item_name in item_names
    return not any(item_name in names for _, names in _MENU_GROUPS)


def create_visit(request: Request, index: Index, signed: SignedInAccount | None) -> Visit:
    """Create the context of a page request.

    Args:
        request: the page request.
        index: the open index.
        signed: the signed-in person; None for nobody.
    """
    if signed is None:
        return Visit(Viewer("nobody"), test=index.settings.is_test, is_sandbox=_is_sandbox(request))
    return Visit(
        viewer=signed.viewer,
        name=signed.name,
        full_name=signed.full_name,
        role=signed.role,
        csrf=signed.csrf,
        test=index.settings.is_test,
        is_sandbox=_is_sandbox(request),
        roles=tuple(role.value for role in Role) if request.app.state.open_pages else (),
        flash=_read_flash_message(request),
        emergency=None if signed.emergency is None else _describe_emergency(signed.emergency),
        session=None if signed.end is None else _read_session_clock(request, index, signed, signed.end),
        count=cache(lambda: _count(index, signed.viewer)),
    )


def _is_sandbox(request: Request) -> bool:
    """Return whether the pages are those of the sandbox for vendors."""
    return IS_SANDBOX in request.scope


def count_seconds_left(end: SessionEnd) -> int:
    """Return the seconds until a session ends, in whole minutes rounded up.

    So equal pages stay equal while no minute of activity passes, and the script leaves no session early.
    """
    return max(0, 60 * ceil((end.at - clock.now()).total_seconds() / 60))


def _read_session_clock(
    request: Request, index: Index, signed: SignedInAccount, end: SessionEnd
) -> SessionClock:
    """Return the values by which a page warns of the session's end."""
    return SessionClock(
        seconds_left=count_seconds_left(end),
        warn_before=int(min(_WARNING_TIME, index.settings.sign_in_limits.idle / 2).total_seconds()),
        can_extend=end.at < end.latest,
        draft_key=index.keyed_hash.to_token("draft", signed.name),
        page=find_page(request),
        answers_form=request.method not in READ_METHODS,
    )


def _count(index: Index, viewer: Viewer) -> MenuCounts:
    """Count the items that wait for the viewer.

    The page is shown even if the count fails.
    """
    try:
        return count_for_menu(index, viewer)
    except MpiError:
        return MenuCounts()


def _describe_emergency(use: UseState) -> EmergencyBanner:
    """Describe what is left of a use of emergency access."""
    seconds = (datetime.fromisoformat(use.ends_at) - clock.now()).total_seconds()
    return EmergencyBanner(use.ends_at, max(0, ceil(seconds / 60)), use.children_left, use.is_over)


def provide_visit(request: Request, index: IndexDep, signed: SignedDep) -> Visit:
    """Provide the context of a page request as a dependency."""
    return create_visit(request, index, signed)


VisitDep = Annotated[Visit, Depends(provide_visit)]


def _read_flash_message(request: Request) -> FlashMessage | None:
    """Read the message about the last action from the URL query.

    It holds a code and numbers; no text from the query is shown.
    """
    query = request.query_params
    text = load_words().done.maybe(query.get("done", ""))
    if text is None:
        return None
    if "{until}" in text:
        until = query.get("until", "")
        if not _is_day(until):
            return None
        text = str(format_text(text, until=until))
    step, question, bulk = (query.get(name, "") for name in ("step", "question", "bulk"))
    undo = None
    if bulk.isascii() and bulk.isalnum():
        undo = UndoForm("/queue/bulk/undo", (("bulk", bulk),))
    elif step.isascii() and step.isdigit():
        if question:
            undo = UndoForm(f"/queue/{quote(question, safe=':')}/undo", (("step", step),))
        else:
            undo = UndoForm(
                f"/steps/{step}/undo", (("confirm", "1"), ("eid", request.path_params.get("eid", "")))
            )
    return FlashMessage(text, undo)


def _is_day(text: str) -> bool:
    """Check whether a text is an ISO date."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def format_flash_query(effect: StepEffect, outcome: str) -> str:
    """Format the URL query that makes a page tell a step's outcome.

    Args:
        effect: the effect of the step.
        outcome: code of the message if nothing delays the step.
    """
    if effect.awaiting:
        return "done=awaiting"
    step = "" if effect.step is None else f"&step={effect.step}"
    if effect.held_until is not None:
        return f"done=frozen&until={effect.held_until}{step}"
    return f"done={outcome}{step}"

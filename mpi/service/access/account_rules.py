"""Rules about who may change which user account."""

from enum import StrEnum
from string import ascii_lowercase, digits

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.setup import hash_token
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import ReadUnit

MAX_NAME_LENGTH = 64
_NAME_CHARACTERS = frozenset(f"{ascii_lowercase}{digits}_-.")

_VERSION_LENGTH = 16
_OF_CHILDREN_IN_CARE = frozenset({
    Action.ROSTER_READ, Action.CASELOAD_READ, Action.LOCAL_MATCH, Action.ENROLLMENT_READ,
})  # fmt: skip
"""Actions that read a list of children in care, or tell of one with a placement letter."""


class AccountState(StrEnum):
    """State of a user account, which tells whether it can sign in."""

    ACTIVE = "active"
    NEW = "new"
    """The account's person has not set a password yet."""
    LOCKED = "locked"
    """A network is locked out after wrong passwords; the person may sign in from another."""
    ENDED = "ended"


def find_account_state(account: Account, now: str) -> AccountState:
    """Return the state of an account at a moment (ISO, UTC)."""
    if account.ended_commit is not None:
        return AccountState.ENDED
    if is_locked(account, now):
        return AccountState.LOCKED
    return AccountState.NEW if account.must_change else AccountState.ACTIVE


def is_locked(account: Account, now: str) -> bool:
    """Return whether a network is locked out at a moment (ISO, UTC)."""
    return account.locked_until is not None and account.locked_until > now


def require_rights_of(viewer: Viewer, account: Account) -> None:
    """Check that the viewer has every right that an account has.

    Raises:
        AccessDenied: the viewer has less.
    """
    require_rights_within(viewer, Role(account.role), account.sources, account.granted)


def require_rights_within(
    viewer: Viewer,
    role: Role,
    sources: frozenset[str] | None,
    granted: frozenset[Action] = frozenset(),
) -> None:
    """Check that the viewer has every right that an account would have.

    Args:
        viewer: who gives the rights.
        role: role of the account.
        sources: codes of the sources that it may see; None for all.
        granted: actions granted by name.

    Raises:
        InputError: a source owner is given all sources.
        AccessDenied: the viewer has less.
    """
    if role is Role.SOURCE_OWNER and not sources:
        raise InputError("name the sources that a source owner owns")
    if not has_rights(viewer, role, sources, granted):
        raise AccessDenied(
            "an account can be given, and its password be set, by somebody who may do all that it may"
        )


def has_rights(
    viewer: Viewer,
    role: Role,
    sources: frozenset[str] | None,
    granted: frozenset[Action] = frozenset(),
) -> bool:
    """Return whether the viewer has every right that an account would have."""
    return ACTIONS_BY_ROLE[role] | granted <= find_givable(viewer.actions) and covers(viewer.sources, sources)


def find_givable(actions: frozenset[Action]) -> frozenset[Action]:
    """Return the actions that somebody with some actions may give to others.

    A list holds only children whom a reader with a search may look up one by one, and a placement letter
    tells of one of them, so who may search may give both. Who may make reports may let others read them.
    """
    if Action.PERSON_SEARCH in actions:
        actions |= _OF_CHILDREN_IN_CARE
    return actions | {Action.REPORT_READ} if Action.REPORT in actions else actions


def covers(sources: frozenset[str] | None, others: frozenset[str] | None) -> bool:
    """Return whether one set of sources holds another; None holds all."""
    return sources is None or (others is not None and others <= sources)


def require_other_operator(unit: ReadUnit, viewer: Viewer, account: Account) -> None:
    """Refuse to take an operator's rights if nobody else has them.

    Another operator counts who has signed in, is not locked, and sees as many sources. The command line may
    take them from the last one, since it can add another.

    Raises:
        ConflictError: it is the last operator.
    """
    if viewer.rights is None or account.role != Role.OPERATOR:
        return
    now = clock.format_timestamp(clock.now())
    if not any(
        other.id != account.id
        and other.role == Role.OPERATOR
        and find_account_state(other, now) is AccountState.ACTIVE
        and covers(other.sources, account.sources)
        for other in unit.accounts.all()
    ):
        raise ConflictError(
            f"{account.name!r} is the last operator: add another, who has to sign in first, then try again"
        )


def find_unfit_grants(
    role: Role, sources: frozenset[str] | None, granted: frozenset[Action]
) -> dict[Action, str]:
    """Return which actions granted by name a role cannot have, and why.

    Emergency access reads children. Whoever registers a child looks for it first, in sources named for it.

    Args:
        role: role of the account.
        sources: codes of the sources that it may see; None for all.
        granted: actions granted by name.
    """
    of_role = ACTIONS_BY_ROLE[role]
    obstacles = {}
    if Action.PERSON_READ not in of_role:
        obstacles[Action.BREAK_GLASS] = f"the role {role} reads no child"
    if Action.PERSON_SEARCH not in of_role:
        obstacles[Action.RECORD_WRITE] = f"the role {role} cannot look for an existing child"
    elif sources is None:
        obstacles[Action.RECORD_WRITE] = "name the sources of the account first"
    return {action: reason for action, reason in obstacles.items() if action in granted}


def make_version(account: Account) -> str:
    """Return a text that changes with an account's rights and password."""
    sources = None if account.sources is None else sorted(account.sources)
    state = (account.role, sources, sorted(account.granted), account.password_set_at, account.ended_commit)
    return hash_token(repr(state))[:_VERSION_LENGTH]


def is_valid_name(name: str) -> bool:
    """Return whether a text can be the name of a user account."""
    return 1 <= len(name) <= MAX_NAME_LENGTH and set(name) <= _NAME_CHARACTERS

"""Sign-in sessions of people: begin, check and end.

A session is a random token of 256 bits in the person's browser; the index stores its hash. Wrong passwords
are counted before they are checked. No message and no timing reveals whether an account exists.
"""

import logging
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import InputError, NotAuthenticated
from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import Viewer
from mpi.policy.decision_table import BREAK_GLASS, BreakGlassState
from mpi.service.access import passwords
from mpi.service.access.accounts import is_valid_name
from mpi.service.access.break_glass import UseState, find_use_state
from mpi.service.access.setup import hash_token
from mpi.service.access.viewers import Caller, make_viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.repositories.access.sign_ins import SignIn
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

FAILURES_PER_LOCK = 10
"""Wrong passwords in a row after which an account is locked, each time."""
FIRST_LOCK = timedelta(minutes=15)
MAX_LOCK = timedelta(hours=24)
"""Longest lock; each lock lasts twice as long as the one before."""
MAX_FAILURES = 100
"""Wrong passwords in a row that lock until an administrator unlocks (NIST SP 800-63B-4, section 3.2.2)."""
ONE_TIME_PASSWORD_LIFETIME = timedelta(days=7)
"""How long a one-time password is valid."""
LAST_SEEN_INTERVAL = timedelta(minutes=1)
"""Least time between two updates of a session's last activity."""

SIGN_IN_REFUSED = (
    "the name or the password is wrong, or the account is locked for a while after too many wrong passwords"
)
"""The one message for every sign-in that fails."""

_log = logging.getLogger("mpi.access")
_ANONYMOUS = Viewer("nobody")
_END_OF_TIME = "9999-12-31T00:00:00.000000Z"
_SESSION_ENDED = "you are not signed in, or were signed out because nothing was done for a while: sign in"


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """When a sign-in session ends.

    Args:
        at: when it ends if no page is requested until then.
        latest: when it ends whatever is done.
    """

    at: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class SignedInAccount:
    """A user account with a valid sign-in session.

    Args:
        viewer: the viewer for access checks.
        name: name of the account.
        full_name: full name of the person.
        role: role of the account.
        csrf: token that each form must carry, so that no other site can send one.
        must_change: whether the person must set a password first; until then the viewer may do nothing else.
        emergency: the emergency access that the person uses in this session; None for none.
        end: when the session ends; None for a person of the demonstration, who has none.
    """

    viewer: Viewer
    name: str
    full_name: str
    role: Role
    csrf: str
    must_change: bool = False
    emergency: UseState | None = None
    end: SessionEnd | None = None


def sign_in(
    index: Index, name: str, password: str, purpose: str | None = None, replaced_token: str | None = None
) -> str:
    """Sign a person in and return the token of the new session.

    Args:
        index: the open index.
        name: name of the account, as typed.
        password: as typed.
        purpose: purpose of use of the session; None for the first of the role's.
        replaced_token: token of the browser's earlier session, which ends.

    Returns:
        The token, of which the index stores only a hash.

    Raises:
        NotAuthenticated: wrong name, wrong password, locked or ended; the message does not tell which. Or
            name and password are right, but the account belongs to a scope.
        InputError: name and password are right, but the role does not have the purpose.
    """
    account = _count_attempt(index, name.strip().casefold())
    is_correct = passwords.is_correct(account.password_hash if account else None, password)
    if account is None or not is_correct or _is_one_time_password_expired(account):
        _log.info("sign-in refused: %s", _refusal_reason(account))
        raise NotAuthenticated(SIGN_IN_REFUSED)
    _require_account_of_index(index, account)
    purposes = PURPOSES_BY_ROLE[Role(account.role)]
    is_permitted = purpose is None or purpose in purposes
    is_outdated = passwords.is_outdated(account.password_hash)
    password_hash = passwords.hash_password(password) if is_outdated else account.password_hash
    with index.database.write(_ANONYMOUS, "sign-in", Lock.NONE) as unit:
        if not unit.accounts.record_sign_in(account, password_hash):
            raise NotAuthenticated(SIGN_IN_REFUSED)
        if replaced_token is not None:
            unit.sign_ins.end(hash_token(replaced_token))
        token = _begin_session(index, unit, account, purpose or purposes[0]) if is_permitted else None
    _log.info("signed in: %s", account.name)
    if token is None:
        raise InputError(f"this purpose is not one of your role's, which are {', '.join(purposes)}")
    return token


def authenticate_session(index: Index, token: str | None, *, is_activity: bool = True) -> SignedInAccount:
    """Return the user account that a session token stands for.

    Every page calls it, so that ending a session takes effect at once.

    Args:
        index: the open index.
        token: the session's token.
        is_activity: whether a person makes the request, which restarts the idle limit. A page that looks
            again by itself does not.

    Raises:
        NotAuthenticated: the token is unknown, expired or ended.
    """
    if not token:
        raise NotAuthenticated(_SESSION_ENDED)
    token_hash = hash_token(token)
    with index.database.read(_ANONYMOUS) as unit:
        session = unit.sign_ins.find_by_token(token_hash)
        emergency = None if session is None else _find_emergency(index, unit, session)
        viewer = None if session is None else _viewer_of(index, unit, session, emergency)
    now = clock.now()
    if (
        session is None
        or viewer is None
        or session.account.ended_commit is not None
        or _is_expired(index, session)
    ):
        raise NotAuthenticated(_SESSION_ENDED)
    if is_activity and session.seen_at <= clock.format_timestamp(now - LAST_SEEN_INTERVAL):
        with index.database.write(_ANONYMOUS, "seen", Lock.NONE) as unit:
            unit.sign_ins.touch(token_hash, clock.format_timestamp(now))
        session = replace(session, seen_at=clock.format_timestamp(now))
    return _to_signed_in_account(index, session, token, viewer, emergency)


def make_emergency_viewer(index: Index, unit: ReadUnit, token: str) -> Viewer:
    """Return the viewer that a session's person is in an emergency.

    Raises:
        NotAuthenticated: the token is unknown.
    """
    session = unit.sign_ins.find_by_token(hash_token(token))
    if session is None:
        raise NotAuthenticated(_SESSION_ENDED)
    return viewer_from_account(index, unit, session.account, BREAK_GLASS, BreakGlassState.OPEN)


def sign_out(index: Index, token: str) -> None:
    """End the sign-in session of a token, if it exists."""
    with index.database.write(_ANONYMOUS, "sign-out", Lock.NONE) as unit:
        unit.sign_ins.end(hash_token(token))


def change_password(index: Index, token: str, old: str, new: str) -> str:
    """Change one's own password, end all sessions, and begin a new one.

    Returns:
        The new session's token.

    Raises:
        NotAuthenticated: the token has no session, or the old password is wrong, which counts as a failure.
        InputError: the new password is invalid, or equals the old one.
    """
    signed_in = authenticate_session(index, token)
    if old == new:
        raise InputError("the new password is the old one: take another")
    passwords.check_password(new, signed_in.name, signed_in.full_name)
    account = _count_attempt(index, signed_in.name)
    if account is None or not passwords.is_correct(account.password_hash, old):
        raise NotAuthenticated("the present password is wrong, or the account is locked for a while")
    password_hash = passwords.hash_password(new)
    with index.database.write(signed_in.viewer, "account-password") as unit:
        if not unit.accounts.record_sign_in(account, account.password_hash):
            raise NotAuthenticated(_SESSION_ENDED)
        unit.ensure_commit()
        unit.accounts.set_password(
            account.id, password_hash, clock.format_timestamp(clock.now()), must_change=False
        )
        unit.sign_ins.end_all_of_account(account.id)
        return _begin_session(index, unit, account, _lasting_purpose(signed_in))


def csrf_token(index: Index, token: str) -> str:
    """Return a session's token for web forms, derived from the session token."""
    return index.keyed_hash.to_token("csrf", token)


def _count_attempt(index: Index, name: str) -> Account | None:
    """Count a password attempt and return the account attempted.

    None stands for an unknown or locked account. Something is written in either case, so that the time taken
    is equal.
    """
    now = clock.now()
    with index.database.write(_ANONYMOUS, "sign-in", Lock.NONE) as unit:
        unit.counters.take("sign_in")
        # The store may refuse an invalid name, such as one with a NUL.
        account = unit.accounts.count_attempt(
            name if is_valid_name(name) else "", clock.format_timestamp(now)
        )
        if account is not None and account.failed % FAILURES_PER_LOCK == 0:
            until = (
                _END_OF_TIME
                if account.failed >= MAX_FAILURES
                else clock.format_timestamp(now + _lock_duration(account.failed))
            )
            unit.accounts.lock(account.id, until)
    return account


def _require_account_of_index(index: Index, account: Account) -> None:
    """Raise if an account was moved into a scope.

    Raises:
        NotAuthenticated: it was.
    """
    with index.database.read(_ANONYMOUS) as unit:
        scope = unit.splits.scope_of_account(account.name)
    if scope is not None:
        raise NotAuthenticated(f"your account is in the index of the scope {scope}: sign in there")


def _refusal_reason(account: Account | None) -> str:
    """Return which account's sign-in was refused, for the log.

    What was typed as a name may be a password, so it is not logged.
    """
    if account is None:
        return "no account of that name that is open and not locked"
    return f"{account.name}, {account.failed} in a row"


def _lock_duration(failed: int) -> timedelta:
    multiple: int = 2 ** (failed // FAILURES_PER_LOCK - 1)
    return min(MAX_LOCK, FIRST_LOCK * multiple)


def _is_one_time_password_expired(account: Account) -> bool:
    return account.must_change and account.password_set_at < clock.format_timestamp(
        clock.now() - ONE_TIME_PASSWORD_LIFETIME
    )


def _begin_session(index: Index, unit: WriteUnit, account: Account, purpose: str) -> str:
    token = secrets.token_urlsafe(32)
    now = clock.now()
    limits = index.settings.sign_in_limits
    unit.sign_ins.delete_expired(
        clock.format_timestamp(now - limits.longest), clock.format_timestamp(now - limits.idle)
    )
    unit.sign_ins.add(hash_token(token), account.id, purpose, clock.format_timestamp(now))
    return token


def _is_expired(index: Index, session: SignIn) -> bool:
    now, limits = clock.now(), index.settings.sign_in_limits
    return session.begun_at <= clock.format_timestamp(
        now - limits.longest
    ) or session.seen_at <= clock.format_timestamp(now - limits.idle)


def _find_session_end(index: Index, session: SignIn) -> SessionEnd:
    """Return when a session ends by its two limits."""
    limits = index.settings.sign_in_limits
    latest = datetime.fromisoformat(session.begun_at) + limits.longest
    return SessionEnd(min(datetime.fromisoformat(session.seen_at) + limits.idle, latest), latest)


def _lasting_purpose(signed_in: SignedInAccount) -> str:
    """Return the purpose of the next session, never that of an emergency."""
    purposes = PURPOSES_BY_ROLE[signed_in.role]
    purpose = signed_in.viewer.purpose
    return purpose if purpose in purposes else purposes[0]


def _find_emergency(index: Index, unit: ReadUnit, session: SignIn) -> UseState | None:
    """Return the emergency access that a session uses, or None."""
    if session.emergency_at is None:
        return None
    return find_use_state(index, unit, session.account.name, session.emergency_at)


def _viewer_of(index: Index, unit: ReadUnit, session: SignIn, emergency: UseState | None) -> Viewer:
    """Return a session's viewer; without a set password it may do nothing."""
    account = session.account
    if account.must_change:
        return Viewer(account.name, session.purpose, frozenset(), account.sources)
    if emergency is not None and not emergency.is_over:
        return viewer_from_account(index, unit, account, BREAK_GLASS, BreakGlassState.OPEN)
    return viewer_from_account(index, unit, account, session.purpose)


def viewer_from_account(
    index: Index,
    unit: ReadUnit,
    account: Account,
    purpose: str,
    break_glass: BreakGlassState = BreakGlassState.NONE,
) -> Viewer:
    """Return the viewer (access rights) of an account and its purpose."""
    terms_no = None if account.agreement is None else unit.agreements.find_last_step(account.agreement)
    caller = Caller(
        name=account.name,
        granted=account.granted,
        sources=account.sources,
        agreement=account.agreement,
        terms_no=terms_no,
        role=Role(account.role),
        break_glass=break_glass,
        party=account.party,
    )
    return make_viewer(index, unit, caller, purpose)


def _to_signed_in_account(
    index: Index, session: SignIn, token: str, viewer: Viewer, emergency: UseState | None
) -> SignedInAccount:
    account = session.account
    return SignedInAccount(
        viewer=viewer,
        name=account.name,
        full_name=account.full_name,
        role=Role(account.role),
        csrf=csrf_token(index, token),
        must_change=account.must_change,
        emergency=emergency,
        end=_find_session_end(index, session),
    )

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
from mpi.policy.access_request import BREAK_GLASS, BreakGlassState
from mpi.service.access import passwords
from mpi.service.access.break_glass import UseState, find_use_state
from mpi.service.access.own_account.attempts import count_attempt, record_password, record_success
from mpi.service.access.own_account.new_password import (
    remember_password,
    require_not_repeated,
    require_unbreached,
)
from mpi.service.access.own_account.second_factor import (
    WRONG_CODE,
    is_right_code,
    must_enroll,
    remove_factor,
    write_factor,
)
from mpi.service.access.own_account.sessions import shorten_address
from mpi.service.access.setup import hash_token
from mpi.service.access.viewers import Caller, make_viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.repositories.access.sign_ins import SignIn
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

ONE_TIME_PASSWORD_LIFETIME = timedelta(days=7)
"""How long a one-time password is valid."""
PROVIDER = "provider"
"""Method of a sign-in with an identity provider."""
LAST_SEEN_INTERVAL = timedelta(minutes=1)
"""Least time between two updates of a session's last activity."""

SIGN_IN_REFUSED = (
    "the name, the password or the one-time code is wrong, or the account is locked for a while "
    "after too many wrong ones"
)
"""The one message for every sign-in that fails."""

_log = logging.getLogger("mpi.access")
_ANONYMOUS = Viewer("nobody")
_NOT_CONFIRMED = "the present password is wrong, or the account is locked for a while"
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
        must_enroll: whether the person must set up one-time codes first, likewise.
        emergency: the emergency access that the person uses in this session; None for none.
        end: when the session ends; None for a person of the demonstration, who has none.
    """

    viewer: Viewer
    name: str
    full_name: str
    role: Role
    csrf: str
    must_change: bool = False
    must_enroll: bool = False
    emergency: UseState | None = None
    end: SessionEnd | None = None


def sign_in(
    index: Index,
    name: str,
    password: str,
    purpose: str | None = None,
    replaced_token: str | None = None,
    address: str | None = None,
    code: str = "",
) -> str:
    """Sign a person in and return the token of the new session.

    Args:
        index: the open index.
        name: name of the account, as typed.
        password: as typed.
        purpose: purpose of use of the session; None for the first of the role's.
        replaced_token: token of the browser's earlier session, which ends.
        address: network address that the person signs in from; None if unknown. It is stored shortened.
        code: one-time code or recovery code, as typed; it counts where the account has a second factor.

    Returns:
        The token, of which the index stores only a hash.

    Raises:
        NotAuthenticated: wrong name, wrong password, wrong code, locked or ended; the message does not tell
            which. Or name and password are right, but the account belongs to a scope.
        InputError: name and password are right, but the role does not have the purpose.
    """
    place = address or ""
    account = count_attempt(index, name.strip().casefold(), place)
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
        # A wrong code was counted with the attempt. The commit uses a right one.
        has_right_code = is_right_code(unit, account, code)
        if not has_right_code or not record_success(index, unit, account, place, password_hash):
            _log.info("sign-in refused: %s", _refusal_reason(account))
            raise NotAuthenticated(SIGN_IN_REFUSED)
        if replaced_token is not None:
            unit.sign_ins.end(hash_token(replaced_token))
        token = (
            begin_session(index, unit, account, purpose or purposes[0], shorten_address(place))
            if is_permitted
            else None
        )
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
        lacks_factor = session is not None and _lacks_factor(index, unit, session)
        viewer = None if session is None else _viewer_of(index, unit, session, emergency)
        if session is not None and lacks_factor:
            viewer = _make_powerless_viewer(session)
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
    signed_in = _to_signed_in_account(index, session, token, viewer, emergency)
    return replace(signed_in, must_enroll=lacks_factor)


def make_emergency_viewer(index: Index, unit: ReadUnit, token: str) -> Viewer:
    """Return the viewer that a session's person is in an emergency.

    Raises:
        NotAuthenticated: the token is unknown.
    """
    session = unit.sign_ins.find_by_token(hash_token(token))
    if session is None:
        raise NotAuthenticated(_SESSION_ENDED)
    if session.account.must_change or _lacks_factor(index, unit, session):
        return _make_powerless_viewer(session)
    return viewer_from_account(index, unit, session.account, BREAK_GLASS, BreakGlassState.OPEN)


def sign_out(index: Index, token: str) -> None:
    """End the sign-in session of a token, if it exists."""
    with index.database.write(_ANONYMOUS, "sign-out", Lock.NONE) as unit:
        unit.sign_ins.end(hash_token(token))


def change_password(index: Index, token: str, old: str, new: str, address: str = "") -> str:
    """Change one's own password, end all sessions, and begin a new one.

    Args:
        index: the open index.
        token: token of the session.
        old: the present password.
        new: the new one.
        address: network address of the person; empty if unknown.

    Returns:
        The new session's token.

    Raises:
        NotAuthenticated: the token has no session, or the old password is wrong, which counts as a failure.
        InputError: the new password is invalid, breached, or was the account's before.
        StoreError: the file of breached passwords cannot be read.
    """
    signed_in = authenticate_session(index, token)
    if old == new:
        raise InputError("the new password is the old one: take another")
    passwords.check_password(new, signed_in.name, signed_in.full_name)
    require_unbreached(index, new)
    account = count_attempt(index, signed_in.name, address)
    if account is None or not passwords.is_correct(account.password_hash, old):
        raise NotAuthenticated(_NOT_CONFIRMED)
    # Past passwords are compared after the present one was right: a thief of the session learns none.
    with index.database.write(signed_in.viewer, "sign-in", Lock.NONE) as unit:
        if not record_password(index, unit, account, address):
            raise NotAuthenticated(_SESSION_ENDED)
        past_hashes = unit.past_passwords.find(account.id)
    require_not_repeated((account.password_hash, *past_hashes), new)
    password_hash = passwords.hash_password(new)
    with index.database.write(signed_in.viewer, "account-password") as unit:
        if not record_password(index, unit, account, address):
            raise NotAuthenticated(_SESSION_ENDED)
        unit.ensure_commit()
        remember_password(unit, account)
        unit.accounts.set_password(
            account.id, password_hash, clock.format_timestamp(clock.now()), must_change=False
        )
        return _replace_sessions(index, unit, signed_in, account, token)


def _replace_sessions(
    index: Index, unit: WriteUnit, signed_in: SignedInAccount, account: Account, token: str
) -> str:
    """End all sessions of a person, and return the token of a new one."""
    session = unit.sign_ins.find_by_token(hash_token(token))
    unit.sign_ins.end_all_of_account(account.id)
    place, method = (None, None) if session is None else (session.address, session.method)
    return begin_session(index, unit, account, _lasting_purpose(signed_in), place, method)


def add_second_factor(
    index: Index, token: str, password: str, code: str, address: str = ""
) -> tuple[str, ...]:
    """Set up one-time codes for one's own account, and end its other sessions.

    Args:
        index: the open index.
        token: token of the session that proposed the secret.
        password: the present password, so that a thief of the session sets up nothing.
        code: a code of the authenticator app.
        address: network address of the person; empty if unknown.

    Returns:
        The recovery codes, shown only once.

    Raises:
        NotAuthenticated: the token has no session, or the password is wrong, which counts as a failure.
        InputError: the code is wrong.
        ConflictError: the account has one-time codes.
    """
    signed_in, account = _confirm_password(index, token, password, address)
    with index.database.write(signed_in.viewer, "second-factor") as unit:
        if not record_success(index, unit, account, address, account.password_hash):
            raise NotAuthenticated(_SESSION_ENDED)
        return write_factor(index, unit, account, token, code)


def remove_second_factor(index: Index, token: str, password: str, code: str, address: str = "") -> str:
    """Stop using one-time codes, and begin a new session.

    A session proposes one secret. So codes that are set up again have another one than a phone that was lost.

    Returns:
        The new session's token.

    Raises:
        NotAuthenticated: the token has no session, or the password or the code is wrong, which counts as a
            failure.
    """
    signed_in, account = _confirm_password(index, token, password, address)
    with index.database.write(signed_in.viewer, "second-factor") as unit:
        if not is_right_code(unit, account, code):
            raise NotAuthenticated(WRONG_CODE)
        if not record_success(index, unit, account, address, account.password_hash):
            raise NotAuthenticated(_SESSION_ENDED)
        remove_factor(unit, account)
        return _replace_sessions(index, unit, signed_in, account, token)


def _confirm_password(
    index: Index, token: str, password: str, address: str
) -> tuple[SignedInAccount, Account]:
    """Return the account of a session whose person types the present password again.

    Raises:
        NotAuthenticated: the token has no session, or the password is wrong, which counts as a failure.
    """
    signed_in = authenticate_session(index, token)
    account = count_attempt(index, signed_in.name, address)
    if account is None or not passwords.is_correct(account.password_hash, password):
        raise NotAuthenticated(_NOT_CONFIRMED)
    return signed_in, account


def csrf_token(index: Index, token: str) -> str:
    """Return a session's token for web forms, derived from the session token."""
    return index.keyed_hash.to_token("csrf", token)


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


def _is_one_time_password_expired(account: Account) -> bool:
    return account.must_change and account.password_set_at < clock.format_timestamp(
        clock.now() - ONE_TIME_PASSWORD_LIFETIME
    )


def begin_session(
    index: Index,
    unit: WriteUnit,
    account: Account,
    purpose: str,
    address: str | None = None,
    method: str | None = None,
) -> str:
    """Begin a session of an account whose person was authenticated; return its token.

    Args:
        index: the open index.
        unit: the transaction.
        account: the account.
        purpose: purpose of use of the session.
        address: shortened network address of the person; None if unknown.
        method: ``PROVIDER`` if an identity provider authenticated the person; None for a password.
    """
    token = secrets.token_urlsafe(32)
    now = clock.now()
    limits = index.settings.sign_in_limits
    unit.sign_ins.delete_expired(
        clock.format_timestamp(now - limits.longest), clock.format_timestamp(now - limits.idle)
    )
    unit.sign_ins.add(hash_token(token), account.id, purpose, clock.format_timestamp(now), address, method)
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
        return _make_powerless_viewer(session)
    if emergency is not None and not emergency.is_over:
        return viewer_from_account(index, unit, account, BREAK_GLASS, BreakGlassState.OPEN)
    return viewer_from_account(index, unit, account, session.purpose)


def _make_powerless_viewer(session: SignIn) -> Viewer:
    """Return the viewer of a person who must secure the account first."""
    return Viewer(session.account.name, session.purpose, frozenset(), session.account.sources)


def _lacks_factor(index: Index, unit: ReadUnit, session: SignIn) -> bool:
    """Return whether a person has to set up one-time codes first.

    After a sign-in with an identity provider, a second factor is the provider's matter.
    """
    return session.method != PROVIDER and must_enroll(index, unit, session.account)


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

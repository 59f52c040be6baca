"""Sign-in sessions of people: begin, check and end.

A session is a random token of 256 bits in the person's browser; the index stores its hash. Wrong passwords
are counted before they are checked. No message and no timing reveals whether an account exists.
"""

import logging
import secrets
from datetime import timedelta

from mpi.domain import clock, security_events
from mpi.domain.errors import InputError, NotAuthenticated
from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.service.access import passwords
from mpi.service.access.own_account.attempts import count_attempt, record_password, record_success
from mpi.service.access.own_account.new_password import (
    remember_password,
    require_not_repeated,
    require_unbreached,
)
from mpi.service.access.own_account.second_factor import (
    WRONG_CODE,
    is_right_code,
    remove_factor,
    write_factor,
)
from mpi.service.access.own_account.sessions import shorten_address
from mpi.service.access.session_authentication import (
    ANONYMOUS,
    SESSION_ENDED,
    SignedInAccount,
    authenticate_session,
)
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import WriteUnit

ONE_TIME_PASSWORD_LIFETIME = timedelta(days=7)
"""How long a one-time password is valid."""

SIGN_IN_REFUSED = (
    "the name, the password or the one-time code is wrong, or the account is locked for a while "
    "after too many wrong ones"
)
"""The one message for every sign-in that fails."""

_log = logging.getLogger("mpi.access")
_NOT_CONFIRMED = "the present password is wrong, or the account is locked for a while"


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
        _log.info("sign-in refused: %s", _refusal_reason(account), extra=_mark_refusal(account, place))
        raise NotAuthenticated(SIGN_IN_REFUSED)
    _require_account_of_index(index, account)
    purposes = PURPOSES_BY_ROLE[Role(account.role)]
    is_permitted = purpose is None or purpose in purposes
    is_outdated = passwords.is_outdated(account.password_hash)
    password_hash = passwords.hash_password(password) if is_outdated else account.password_hash
    with index.database.write(ANONYMOUS, "sign-in", Lock.NONE) as unit:
        # A wrong code was counted with the attempt. The commit uses a right one.
        has_right_code = is_right_code(unit, account, code)
        if not has_right_code or not record_success(index, unit, account, place, password_hash):
            _log.info("sign-in refused: %s", _refusal_reason(account), extra=_mark_refusal(account, place))
            raise NotAuthenticated(SIGN_IN_REFUSED)
        if replaced_token is not None:
            unit.sign_ins.end(hash_token(replaced_token))
        token = (
            begin_session(index, unit, account, purpose or purposes[0], shorten_address(place))
            if is_permitted
            else None
        )
    _log.info(
        "signed in: %s",
        account.name,
        extra=security_events.mark_event(security_events.SIGN_IN, account.name, place),
    )
    if token is None:
        raise InputError(f"this purpose is not one of your role's, which are {', '.join(purposes)}")
    return token


def sign_out(index: Index, token: str) -> None:
    """End the sign-in session of a token, if it exists."""
    with index.database.write(ANONYMOUS, "sign-out", Lock.NONE) as unit:
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
            raise NotAuthenticated(SESSION_ENDED)
        past_hashes = unit.past_passwords.find(account.id)
    require_not_repeated((account.password_hash, *past_hashes), new)
    password_hash = passwords.hash_password(new)
    with index.database.write(signed_in.viewer, "account-password") as unit:
        if not record_password(index, unit, account, address):
            raise NotAuthenticated(SESSION_ENDED)
        unit.ensure_commit()
        remember_password(unit, account)
        unit.accounts.set_password(
            account.id, password_hash, clock.format_timestamp(clock.now()), must_change=False
        )
        return _replace_sessions(index, unit, signed_in, account, token)


def _replace_sessions(
    index: Index, unit: WriteUnit, signed_in: SignedInAccount, account: Account, token: str
) -> str:
    """End a person's sessions, and return the token of a new one."""
    session = unit.sign_ins.find_by_token(hash_token(token))
    unit.sign_ins.end_all_of_account(account.id)
    place, method = (None, None) if session is None else (session.address, session.method)
    return begin_session(index, unit, account, _lasting_purpose(signed_in), place, method)


def add_second_factor(
    index: Index, token: str, password: str, code: str, address: str = ""
) -> tuple[str, ...]:
    """Set up one's own one-time codes, and end the other sessions.

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
            raise NotAuthenticated(SESSION_ENDED)
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
            raise NotAuthenticated(SESSION_ENDED)
        remove_factor(unit, account)
        return _replace_sessions(index, unit, signed_in, account, token)


def _confirm_password(
    index: Index, token: str, password: str, address: str
) -> tuple[SignedInAccount, Account]:
    """Return a session's account if the typed password is right.

    Raises:
        NotAuthenticated: the token has no session, or the password is wrong, which counts as a failure.
    """
    signed_in = authenticate_session(index, token)
    account = count_attempt(index, signed_in.name, address)
    if account is None or not passwords.is_correct(account.password_hash, password):
        raise NotAuthenticated(_NOT_CONFIRMED)
    return signed_in, account


def _require_account_of_index(index: Index, account: Account) -> None:
    """Raise if an account was moved into a scope.

    Raises:
        NotAuthenticated: it was.
    """
    with index.database.read(ANONYMOUS) as unit:
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


def _mark_refusal(account: Account | None, place: str) -> dict[str, object]:
    """Mark a line of the log as a refused sign-in.

    The line names the account if there is one.
    """
    name = security_events.SIGN_IN_REFUSED
    if account is None:
        return security_events.mark_event(name, address=place)
    return security_events.mark_event(name, account.name, place, failures=account.failed)


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
    """Begin the session of an authenticated person; return its token.

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


def _lasting_purpose(signed_in: SignedInAccount) -> str:
    """Return the purpose of the next session, never that of an emergency."""
    purposes = PURPOSES_BY_ROLE[signed_in.role]
    purpose = signed_in.viewer.purpose
    return purpose if purpose in purposes else purposes[0]

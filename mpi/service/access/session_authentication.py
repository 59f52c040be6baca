"""Sessions of signed-in people, and the viewer that each stands for.

Every page authenticates its session anew, so that the end of a session or of an account takes effect at once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import NotAuthenticated
from mpi.domain.roles import Role
from mpi.domain.viewer import Viewer
from mpi.policy.access_request import BREAK_GLASS, BreakGlassState
from mpi.service.access.break_glass import UseState, find_use_state
from mpi.service.access.own_account.second_factor import must_enroll
from mpi.service.access.setup import hash_token
from mpi.service.access.viewers import Caller, make_viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.repositories.access.sign_ins import SignIn
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit

LAST_SEEN_INTERVAL = timedelta(minutes=1)
"""Least time between two updates of a session's last activity."""
PROVIDER = "provider"
"""Method of a sign-in with an identity provider."""
ANONYMOUS = Viewer("nobody")
SESSION_ENDED = "you are not signed in, or were signed out because nothing was done for a while: sign in"


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
        raise NotAuthenticated(SESSION_ENDED)
    token_hash = hash_token(token)
    with index.database.read(ANONYMOUS) as unit:
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
        raise NotAuthenticated(SESSION_ENDED)
    if is_activity and session.seen_at <= clock.format_timestamp(now - LAST_SEEN_INTERVAL):
        with index.database.write(ANONYMOUS, "seen", Lock.NONE) as unit:
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
        raise NotAuthenticated(SESSION_ENDED)
    if session.account.must_change or _lacks_factor(index, unit, session):
        return _make_powerless_viewer(session)
    return viewer_from_account(index, unit, session.account, BREAK_GLASS, BreakGlassState.OPEN)


def csrf_token(index: Index, token: str) -> str:
    """Return a session's token for web forms, derived from the session token."""
    return index.keyed_hash.to_token("csrf", token)


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

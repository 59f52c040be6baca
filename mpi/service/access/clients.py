"""Administration of API clients: add, rotate, bind, expire, revoke."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import (
    AccessDenied,
    ConflictError,
    InputError,
    NotFoundError,
    StaleError,
)
from mpi.domain.viewer import RESERVED_NAMES, Action, Viewer, require_permission
from mpi.service.access.administration_log import Change, Subject, list_changes, log_change
from mpi.service.access.setup import hash_token
from mpi.service.agreements.register import choose_agreement, choose_party
from mpi.service.core.index import Index
from mpi.service.holdings.settings import require_whole_view
from mpi.storage.repositories.access.clients import Client, ClientRecord
from mpi.storage.repositories.sources.splits import CLIENT
from mpi.storage.repositories.steps.shown_secrets import FORMER_UNTIL
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_NAME_LENGTH = 64
MAX_SUBJECT_LENGTH = 255
"""Longest name of a client at the token issuer (OpenID Connect Core, section 2)."""
MAX_OVERLAP_DAYS = 30
"""Most days for which the key before a rotation still works."""
EXPIRY_WARNING = timedelta(days=30)
"""How long before its expiry a key is warned of."""
MAX_EXPIRY_YEARS = 10
_VERSION_LENGTH = 16


@dataclass(frozen=True, slots=True)
class ClientView:
    """An API client as administrators see it, without its key.

    Args:
        name: name on commits and on the ledger.
        scopes: names of the permitted actions.
        sources: codes of the sources that the client may write and read; None for all.
        since: when the client was added.
        revoked: when its key was revoked; None while the key is valid.
        agreement: code of the agreement that it acts under; None for none.
        party: code of the agreement's party for which it acts; None where its sources name it.
        expires_on: first day (ISO) on which its key opens nothing; None for no such day.
        former_key_until: until when the key before a rotation still works (ISO, UTC); None if it does not.
        token_subject: the client's name at the trusted token issuer; None for none.
    """

    name: str
    scopes: tuple[str, ...]
    sources: tuple[str, ...] | None
    since: str
    revoked: str | None
    agreement: str | None
    party: str | None = None
    expires_on: str | None = None
    former_key_until: str | None = None
    token_subject: str | None = None

    @property
    def days_left(self) -> int | None:
        """Days until the key expires; None for no expiry.

        The number is 0 or less once the key has expired.
        """
        if self.expires_on is None or self.revoked is not None:
            return None
        return (date.fromisoformat(self.expires_on) - clock.now().date()).days

    @property
    def is_expiring(self) -> bool:
        """Whether the key has expired or will soon."""
        return self.days_left is not None and self.days_left <= EXPIRY_WARNING.days


@dataclass(frozen=True, slots=True)
class ClientDetail:
    """An API client with its history, for the page that changes it.

    Args:
        client: the client.
        version: names the client's present key and expiry; a change that names another one is refused.
        is_within_rights: whether the viewer has every right of the client, and so may see its next key.
        changes: its latest changes, newest first.
    """

    client: ClientView
    version: str
    is_within_rights: bool
    changes: tuple[Change, ...]


def add_client(
    index: Index,
    viewer: Viewer,
    name: str,
    scopes: Collection[str],
    sources: Collection[str] | None,
    agreement: str | None = None,
    party: str | None = None,
) -> str:
    """Add an API client and return its key, shown only once.

    Args:
        index: the open index.
        viewer: who adds the client; grants no more than the viewer has.
        name: 1 to 64 letters, digits, ``_``, ``-`` or ``.``; never given again.
        scopes: names of the permitted actions.
        sources: codes of existing sources; None for all, including later ones.
        agreement: code of the agreement that it acts under; None for the operator's own rule.
        party: code of the party for which it acts; None where its sources name one party alone.

    Raises:
        InputError: the name is invalid, a scope does not exist, or the shared index of several scopes needs
            an agreement.
        NotFoundError: a source, the agreement or the party does not exist.
        ConflictError: a client or an account has, or had, that name; a source belongs to a scope; the
            agreement has ended; the party owns none of the sources; or of a named source only records of
            children in care are held.
        AccessDenied: the viewer may not add clients, would grant more than the viewer has, or names a party
            and does not administer agreements.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    is_allowed = all(letter.isascii() and (letter.isalnum() or letter in "_-.") for letter in name)
    if not name or len(name) > MAX_NAME_LENGTH or not is_allowed:
        raise InputError(f"a client's name has 1 to {MAX_NAME_LENGTH} letters, digits, '_', '-' or '.'")
    if name.casefold() in RESERVED_NAMES:
        raise InputError(f"{name!r} stands for something else on commits: take another name")
    actions = _parse_actions(scopes)
    if actions - viewer.actions or (viewer.sources is not None and not set(sources or "*") <= viewer.sources):
        raise AccessDenied("a client can be granted no more than its granter has")
    with index.database.write(viewer, "client-add") as unit:
        for code in sources or ():
            _require_source_of_index(unit, code)
        require_whole_view(unit, sources)
        is_taken = any(client.name == name for client, _, _ in unit.clients.all_with_commits())
        # Commits and the ledger name clients and accounts alike: a name must mean one of them.
        if is_taken or unit.accounts.find_by_name(name.casefold()) is not None:
            raise ConflictError(f"there is or was a client or an account {name!r}: take another name")
        key = f"mpi_{secrets.token_urlsafe(32)}"
        named_sources = None if sources is None else frozenset(sources)
        code = choose_agreement(unit, viewer, agreement)
        client = Client(
            name,
            actions,
            named_sources,
            code,
            party=choose_party(unit, viewer, code, party, None, named_sources),
        )
        unit.clients.add(unit.counters.take("client"), client, hash_token(key), unit.commit_no)
        log_change(unit, Subject.CLIENT, name, "add", sources=_sorted_sources(named_sources))
        return key


def rotate_key(
    index: Index, viewer: Viewer, name: str, overlap_days: int = 0, version: str | None = None
) -> str:
    """Give an API client another key and return it, shown only once.

    The client keeps its name, rights and expiry.

    Args:
        index: the open index.
        viewer: who rotates the key, and has every right of the client: the key gives them.
        name: name of the client.
        overlap_days: days for which the present key still works; 0 to end it at once.
        version: key and expiry that the viewer read; None for any.

    Raises:
        InputError: the days are too many.
        NotFoundError: the client does not exist, or its key was revoked.
        StaleError: the key or its expiry has changed since the viewer read it.
        AccessDenied: the viewer may not administer clients, or has less than the client.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    if not 0 <= overlap_days <= MAX_OVERLAP_DAYS:
        raise InputError(f"overlap: the old key works for 0 to {MAX_OVERLAP_DAYS} days more")
    key = f"mpi_{secrets.token_urlsafe(32)}"
    with index.database.write(viewer, "client-rotate") as unit:
        record = _find_open_client(unit, name, version)
        _require_rights_of(viewer, record.client)
        until = clock.format_timestamp(clock.now() + timedelta(days=overlap_days)) if overlap_days else None
        unit.ensure_commit()
        unit.clients.set_key(name, hash_token(key), until)
        kept = {} if until is None else {FORMER_UNTIL: until}
        log_change(unit, Subject.CLIENT, name, "rotate", **kept)
    return key


def set_expiry(
    index: Index, viewer: Viewer, name: str, expires_on: str | None, version: str | None = None
) -> None:
    """Set the first day on which an API client's key opens nothing.

    Args:
        index: the open index.
        viewer: who sets it.
        name: name of the client.
        expires_on: the day (ISO); None for no expiry.
        version: key and expiry that the viewer read; None for any.

    Raises:
        InputError: the day is invalid, past or too far away.
        NotFoundError: the client does not exist, or its key was revoked.
        StaleError: the key or its expiry has changed since the viewer read it.
        AccessDenied: the viewer may not administer clients.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    day = None if expires_on is None else _check_expiry(expires_on)
    with index.database.write(viewer, "client-expiry") as unit:
        _find_open_client(unit, name, version)
        unit.ensure_commit()
        unit.clients.set_expiry(name, day)
        log_change(unit, Subject.CLIENT, name, "expire", expires_on=day)


def set_token_subject(index: Index, viewer: Viewer, name: str, subject: str | None) -> None:
    """Set the name that a client has at the trusted token issuer.

    A signed token of the issuer that carries this name then stands for the client.

    Args:
        index: the open index.
        viewer: who sets it, and has every right of the client: such a token gives them.
        name: name of the client.
        subject: its name at the issuer; None to accept no token for it.

    Raises:
        InputError: the name at the issuer is invalid.
        NotFoundError: the client does not exist, or its key was revoked.
        ConflictError: another client has that name at the issuer.
        AccessDenied: the viewer may not administer clients, or has less than the client.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    if subject is not None and not (subject.isprintable() and 0 < len(subject) <= MAX_SUBJECT_LENGTH):
        raise InputError(f"a name at the issuer has 1 to {MAX_SUBJECT_LENGTH} printable characters")
    with index.database.write(viewer, "client-subject") as unit:
        _require_rights_of(viewer, _find_open_client(unit, name, None).client)
        other = None if subject is None else unit.clients.find_by_subject(subject)
        if other is not None and other.name != name:
            raise ConflictError(f"the client {other.name!r} has that name at the issuer")
        unit.ensure_commit()
        unit.clients.set_subject(name, subject)
        log_change(unit, Subject.CLIENT, name, "subject", token_subject=subject)


def _check_expiry(text: str) -> str:
    """Return the day of an expiry, which must be to come."""
    today = datetime.fromisoformat(clock.today()).date()
    day = clock.parse_day(text, "expires_on")
    if not today < day <= today + timedelta(days=366 * MAX_EXPIRY_YEARS):
        raise InputError(f"expires_on: give a day to come, {MAX_EXPIRY_YEARS} years away at most")
    return day.isoformat()


def _find_open_client(unit: WriteUnit, name: str, version: str | None) -> ClientRecord:
    """Return the client that the viewer read, whose key opens the index.

    Raises:
        NotFoundError: there is none.
        StaleError: its key or expiry has changed since.
    """
    record = unit.clients.find_by_name(name)
    if record is None or record.revoked_commit is not None:
        raise NotFoundError(f"there is no client {name!r} whose key opens the index")
    if version is not None and version != _version(record):
        raise StaleError("somebody has changed this client since you opened the page: nothing was done")
    return record


def _version(record: ClientRecord) -> str:
    """Return a text that changes with a client's key, expiry and end."""
    return hash_token(f"{record.key_hash} {record.client.expires_on} {record.revoked_commit}")[
        :_VERSION_LENGTH
    ]


def _require_rights_of(viewer: Viewer, client: Client) -> None:
    """Refuse to show a key that exceeds the viewer's rights.

    Raises:
        AccessDenied: the key exceeds them.
    """
    if not has_rights_of(viewer, client):
        raise AccessDenied("a client's key can be rotated by somebody who may do all that the client may")


def has_rights_of(viewer: Viewer, client: Client) -> bool:
    """Return whether the viewer has every right of a client."""
    sees_enough = viewer.sources is None or (client.sources is not None and client.sources <= viewer.sources)
    return client.actions <= viewer.actions and sees_enough


def _sorted_sources(sources: frozenset[str] | None) -> list[str] | None:
    return None if sources is None else sorted(sources)


def _require_source_of_index(unit: ReadUnit, code: str) -> None:
    """Raise unless clients of a source belong to this index.

    Raises:
        NotFoundError: the source does not exist.
        ConflictError: it belongs to a scope, where its clients learn nothing of other records.
    """
    scope = unit.sources.get_by_code(code).scope
    if scope is not None:
        raise ConflictError(f"source {code!r} belongs to the scope {scope}: add this client in that scope")


def bind_client(index: Index, viewer: Viewer, name: str, agreement: str, party: str | None = None) -> None:
    """Bind an API client to another agreement from its next call.

    Args:
        index: the open index.
        viewer: who binds it.
        name: name of the client.
        agreement: code of the agreement.
        party: code of the party for which it acts; None where its sources name one party alone.

    Raises:
        NotFoundError: the client, the agreement or the party does not exist, or the client's key was revoked.
        ConflictError: the agreement has ended, or the party owns none of the client's sources.
        AccessDenied: the viewer may not administer clients or agreements.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    with index.database.write(viewer, "client-bind") as unit:
        code = choose_agreement(unit, viewer, agreement)
        client = next((client for client in unit.clients.active() if client.name == name), None)
        if client is None:
            raise NotFoundError(f"there is no client {name!r} whose key opens the index")
        unit.clients.set_agreement(name, code, choose_party(unit, viewer, code, party, None, client.sources))
        unit.ensure_commit()
        log_change(unit, Subject.CLIENT, name, "bind", agreement=code)


def list_clients(index: Index, viewer: Viewer) -> list[ClientView]:
    """Return every API client, revoked ones included, by name.

    Raises:
        AccessDenied: the viewer may not administer clients.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.read(viewer) as unit:
        return _build_views(unit, unit.clients.records())


def find_client(index: Index, viewer: Viewer, name: str) -> ClientDetail:
    """Return one API client, revoked or not, with its history.

    Raises:
        NotFoundError: the client does not exist.
        AccessDenied: the viewer may not administer clients.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.read(viewer) as unit:
        record = unit.clients.find_by_name(name) if name.isprintable() else None
        if record is None:
            raise NotFoundError("there is no client of this name")
        return ClientDetail(
            client=_build_views(unit, [record])[0],
            version=_version(record),
            is_within_rights=has_rights_of(viewer, record.client),
            changes=list_changes(unit, Subject.CLIENT, name),
        )


def _build_views(unit: ReadUnit, records: Collection[ClientRecord]) -> list[ClientView]:
    """Build the views of clients, with the times of their commits."""
    commits = {commit for each in records for commit in (each.created_commit, each.revoked_commit) if commit}
    times = unit.commit_info(commits)
    now = clock.format_timestamp(clock.now())
    return [
        ClientView(
            name=each.client.name,
            scopes=tuple(sorted(each.client.actions)),
            sources=None if each.client.sources is None else tuple(sorted(each.client.sources)),
            since=times[each.created_commit][0],
            revoked=None if each.revoked_commit is None else times[each.revoked_commit][0],
            agreement=each.client.agreement,
            party=each.client.party,
            expires_on=each.client.expires_on,
            former_key_until=each.former_key_until if (each.former_key_until or "") > now else None,
            token_subject=each.token_subject,
        )
        for each in records
    ]


def revoke_client(index: Index, viewer: Viewer, name: str) -> None:
    """Revoke the key of an API client; its next call is refused.

    A key that a split is moving opens no index after the split, nor after its undo.

    Raises:
        NotFoundError: the client does not exist, or its key was revoked before.
        ConflictError: the key opens the index of a scope.
        AccessDenied: the viewer may not administer clients.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.write(viewer, "client-revoke") as unit:
        if unit.clients.revoke(name, unit.commit_no):
            log_change(unit, Subject.CLIENT, name, "end")
            return
        if unit.splits.release_login(CLIENT, name):
            unit.ensure_commit()
            return
        scope = unit.splits.scope_of_client(name)
        if scope is not None:
            raise ConflictError(
                f"client {name!r} is in the index of the scope {scope}: revoke it there; if the split is "
                "being taken back, end that first"
            )
        raise NotFoundError(f"there is no client {name!r} whose key opens the index")


def _parse_actions(scopes: Collection[str]) -> frozenset[Action]:
    try:
        return frozenset(Action(scope) for scope in scopes)
    except ValueError:
        raise InputError(f"no such scope; it is one of {', '.join(sorted(Action))}") from None

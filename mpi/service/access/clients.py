"""API clients: their keys, and who may administer them."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotAuthenticated, NotFoundError
from mpi.domain.viewer import RESERVED_NAMES, Action, Viewer, require_permission
from mpi.policy.decision_table import BREAK_GLASS
from mpi.service.access.break_glass import begin_use, find_break_glass_state
from mpi.service.access.setup import hash_token
from mpi.service.access.viewers import Caller, make_viewer
from mpi.service.agreements.register import choose_agreement, choose_party
from mpi.service.core.index import Index
from mpi.service.holdings.settings import require_whole_view
from mpi.storage.repositories.access.clients import Client
from mpi.storage.repositories.sources.splits import CLIENT
from mpi.storage.unit_of_work.units import ReadUnit

MAX_NAME_LENGTH = 64

_ANONYMOUS = Viewer("nobody")
_NO_KEY = "send an API key: Authorization: Bearer <key>, or X-API-Key: <key>"


def authenticate(
    index: Index, key: str | None, purpose: str | None, break_glass_reason: str | None = None
) -> Viewer:
    """Return the viewer that an API key stands for.

    The key and the last step of the client's agreement are read on each call, so that a revoked key or a
    suspended agreement ends at once.

    Args:
        index: the open index.
        key: the API key as sent, if any.
        purpose: the purpose of use as sent, if any.
        break_glass_reason: reason of an emergency access as sent, if any.

    Raises:
        NotAuthenticated: the key is missing, unknown or revoked.
        StoreError: a use of emergency access cannot be written to the ledger.
    """
    if not key:
        raise NotAuthenticated(_NO_KEY)
    if purpose == BREAK_GLASS:
        return _authenticate_emergency(index, key, break_glass_reason)
    with index.database.read_autocommit(_ANONYMOUS) as unit:
        return authenticate_in(index, unit, key, purpose)


def _authenticate_emergency(index: Index, key: str, reason: str | None) -> Viewer:
    """Return the viewer of an emergency access, once its beginning is recorded."""
    with index.database.read(_ANONYMOUS) as unit:
        client = _find_client(unit, key)
        state = find_break_glass_state(index, unit, client.name, reason)
        viewer = make_viewer(index, unit, replace(_caller_of(client), break_glass=state), BREAK_GLASS)
    if viewer.actions and reason is not None:
        begin_use(index, viewer, reason)
    return viewer


def authenticate_in(index: Index, unit: ReadUnit, key: str | None, purpose: str | None) -> Viewer:
    """Return the viewer that an API key stands for, within a transaction.

    Raises:
        NotAuthenticated: the key is missing, unknown or revoked.
    """
    if not key:
        raise NotAuthenticated(_NO_KEY)
    return viewer_from_client(index, unit, _find_client(unit, key), purpose)


def _find_client(unit: ReadUnit, key: str) -> Client:
    client = unit.clients.find_by_key(hash_token(key))
    if client is None:
        scope = unit.splits.scope_of_key(hash_token(key))
        if scope is not None:
            raise NotAuthenticated(f"this API key opens the index of the scope {scope}, and not this one")
        raise NotAuthenticated("this API key is not known here, or was revoked")
    return client


def viewer_from_client(index: Index, unit: ReadUnit, client: Client, purpose: str | None) -> Viewer:
    """Return the viewer (access rights) of an API client and its purpose."""
    return make_viewer(index, unit, _caller_of(client), purpose)


def _caller_of(client: Client) -> Caller:
    return Caller(
        client.name, client.actions, client.sources, client.agreement, client.terms_no, party=client.party
    )


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
    """

    name: str
    scopes: tuple[str, ...]
    sources: tuple[str, ...] | None
    since: str
    revoked: str | None
    agreement: str | None
    party: str | None = None


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
        return key


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


def list_clients(index: Index, viewer: Viewer) -> list[ClientView]:
    """Return every API client, revoked ones included, by name.

    Raises:
        AccessDenied: the viewer may not administer clients.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.read(viewer) as unit:
        clients = unit.clients.all_with_commits()
        times = unit.commit_info({c for _, *commits in clients for c in commits if c is not None})
    return [
        ClientView(
            name=client.name,
            scopes=tuple(sorted(client.actions)),
            sources=None if client.sources is None else tuple(sorted(client.sources)),
            since=times[added][0],
            revoked=None if revoked is None else times[revoked][0],
            agreement=client.agreement,
            party=client.party,
        )
        for client, added, revoked in clients
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

"""API clients: their keys, and who may administer them."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotAuthenticated, NotFoundError
from mpi.domain.viewer import PURPOSES, RESERVED_NAMES, Action, Viewer, require_permission
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.service.holdings.settings import require_whole_view
from mpi.storage.repositories.access.clients import Client
from mpi.storage.unit_of_work.units import ReadUnit

MAX_NAME_LENGTH = 64

_ANONYMOUS = Viewer("nobody")
_NO_KEY = "send an API key: Authorization: Bearer <key>, or X-API-Key: <key>"


def authenticate(index: Index, key: str | None, purpose: str | None) -> Viewer:
    """Return the viewer that an API key stands for.

    The key is read on each call, so that a revoked key ends at once.

    Args:
        index: the open index.
        key: the API key as sent, if any.
        purpose: the purpose of use as sent, if any.

    Raises:
        NotAuthenticated: the key is missing, unknown or revoked.
        InputError: the purpose of use does not exist.
    """
    if not key:
        raise NotAuthenticated(_NO_KEY)
    with index.database.read_autocommit(_ANONYMOUS) as unit:
        return authenticate_in(unit, key, purpose)


def authenticate_in(unit: ReadUnit, key: str | None, purpose: str | None) -> Viewer:
    """Return the viewer that an API key stands for, within a transaction.

    Raises:
        NotAuthenticated: the key is missing, unknown or revoked.
        InputError: the purpose of use does not exist.
    """
    if not key:
        raise NotAuthenticated(_NO_KEY)
    client = unit.clients.find_by_key(hash_token(key))
    if client is None:
        raise NotAuthenticated("this API key is not known here, or was revoked")
    return viewer_from_client(client, purpose)


def viewer_from_client(client: Client, purpose: str | None) -> Viewer:
    """Return the viewer (access rights) of an API client and its purpose.

    Raises:
        InputError: the purpose of use does not exist.
    """
    if purpose is not None and purpose not in PURPOSES:
        raise InputError(f"no such purpose of use; it is one of {', '.join(PURPOSES)}")
    return Viewer(client.name, purpose, client.actions, client.sources)


@dataclass(frozen=True, slots=True)
class ClientView:
    """An API client as administrators see it, without its key.

    Args:
        name: name on commits and on the ledger.
        scopes: names of the permitted actions.
        sources: codes of the sources that the client may write and read; None for all.
        since: when the client was added.
        revoked: when its key was revoked; None while the key is valid.
    """

    name: str
    scopes: tuple[str, ...]
    sources: tuple[str, ...] | None
    since: str
    revoked: str | None


def add_client(
    index: Index, viewer: Viewer, name: str, scopes: Collection[str], sources: Collection[str] | None
) -> str:
    """Add an API client and return its key, shown only once.

    Args:
        index: the open index.
        viewer: who adds the client; grants no more than the viewer has.
        name: 1 to 64 letters, digits, ``_``, ``-`` or ``.``; never given again.
        scopes: names of the permitted actions.
        sources: codes of existing sources; None for all, including later ones.

    Raises:
        InputError: the name is invalid, or a scope does not exist.
        NotFoundError: a source does not exist.
        ConflictError: a client or an account has, or had, that name; or of a named source only records of
            children in care are held.
        AccessDenied: the viewer may not add clients, or would grant more than the viewer has.
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
            unit.sources.get_by_code(code)
        require_whole_view(unit, sources)
        is_taken = any(client.name == name for client, _, _ in unit.clients.all_with_commits())
        # Commits and the ledger name clients and accounts alike: a name must mean one of them.
        if is_taken or unit.accounts.find_by_name(name.casefold()) is not None:
            raise ConflictError(f"there is or was a client or an account {name!r}: take another name")
        key = f"mpi_{secrets.token_urlsafe(32)}"
        client = Client(name, actions, None if sources is None else frozenset(sources))
        unit.clients.add(unit.counters.take("client"), client, hash_token(key), unit.commit_no)
        return key


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
        )
        for client, added, revoked in clients
    ]


def revoke_client(index: Index, viewer: Viewer, name: str) -> None:
    """Revoke the key of an API client; its next call is refused.

    Raises:
        NotFoundError: the client does not exist, or its key was revoked before.
        AccessDenied: the viewer may not administer clients.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.write(viewer, "client-revoke") as unit:
        if not unit.clients.revoke(name, unit.commit_no):
            raise NotFoundError(f"there is no client {name!r} whose key opens the index")


def _parse_actions(scopes: Collection[str]) -> frozenset[Action]:
    try:
        return frozenset(Action(scope) for scope in scopes)
    except ValueError:
        raise InputError(f"no such scope; it is one of {', '.join(sorted(Action))}") from None

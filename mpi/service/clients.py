"""Clients: who is calling, by their key."""

from mpi.domain.errors import InputError, NotAuthenticated
from mpi.domain.viewer import PURPOSES, Viewer
from mpi.service.context import Index
from mpi.service.setup import key_hash

_NOBODY = Viewer("nobody")


def authenticate(index: Index, key: str | None, purpose: str | None) -> Viewer:
    """The viewer that a key stands for; looked up on each call, so that a revoked key ends at once.

    Args:
        index: the open index.
        key: the API key as sent, if any.
        purpose: the purpose of use as sent, if any.

    Raises:
        NotAuthenticated: no key, or one that is not known.
        InputError: no such purpose of use.
    """
    if not key:
        raise NotAuthenticated("send an API key: Authorization: Bearer <key>, or X-API-Key: <key>")
    with index.database.read(_NOBODY) as unit:
        client = unit.clients.by_key(key_hash(key))
    if client is None:
        raise NotAuthenticated("this API key is not known here, or was revoked")
    if purpose is not None and purpose not in PURPOSES:
        raise InputError(f"no such purpose of use; it is one of {', '.join(PURPOSES)}")
    return Viewer(client.name, purpose, client.actions, client.sources)

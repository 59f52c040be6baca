"""Short-lived access tokens of API clients (OAuth 2 client credentials).

A client shows its key once and then calls with a token that ends by itself, and with the key. The token is
random and stored as a hash, so revoking or rotating the key ends it at once.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import InputError, NotAuthenticated
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.credentials import (
    ACCESS_TOKEN_PREFIX,
    Credential,
    CredentialKind,
    find_credential_client,
)
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.database import Lock

MAX_TOKENS = 100
"""Valid access tokens of one client; a further one ends the oldest."""
_ANONYMOUS = Viewer("nobody")
_WRONG_CLIENT = "the client or its key is wrong, or the key was revoked or has expired"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token, shown only once.

    Args:
        token: the token.
        lifetime_s: seconds until it ends.
        scopes: names of the actions that it permits.
    """

    token: str
    lifetime_s: int
    scopes: tuple[str, ...]


def issue_access_token(index: Index, client_name: str, key: str, scopes: Collection[str]) -> AccessToken:
    """Issue an access token to a client that shows its key.

    Args:
        index: the open index.
        client_name: name of the client, which the key must belong to.
        key: its API key.
        scopes: actions that the token is narrowed to; empty for all of the client's.

    Raises:
        NotAuthenticated: the key is unknown, revoked, expired, or another client's; the message does not
            tell which.
        InputError: the client lacks one of the scopes.
    """
    key_hash = hash_token(key)
    try:
        with index.database.read(_ANONYMOUS) as unit:
            client = find_credential_client(unit, Credential(CredentialKind.KEY, key_hash))
    except NotAuthenticated:
        raise NotAuthenticated(_WRONG_CLIENT) from None
    if not secrets.compare_digest(client.name.encode(), client_name.encode()):
        raise NotAuthenticated(_WRONG_CLIENT)
    actions = _parse_scopes(scopes, client.actions)
    # The tag is alike in all tokens of the client, which so share its limit of concurrent calls.
    tag = index.keyed_hash.to_token("access-token", client.name)
    token = f"{ACCESS_TOKEN_PREFIX}{tag}_{secrets.token_urlsafe(32)}"
    lifetime, now = index.settings.access_token_lifetime, clock.now()
    with index.database.write(_ANONYMOUS, "access-token", Lock.NONE) as writer:
        writer.access_tokens.delete_expired(clock.format_timestamp(now))
        writer.access_tokens.add(
            hash_token(token), client.name, key_hash, actions, clock.format_timestamp(now + lifetime)
        )
        writer.access_tokens.delete_oldest(client.name, MAX_TOKENS)
    permitted = client.actions if actions is None else actions
    return AccessToken(token, int(lifetime.total_seconds()), tuple(sorted(permitted)))


def _parse_scopes(scopes: Collection[str], permitted: frozenset[Action]) -> frozenset[Action] | None:
    """Return the actions that a token is narrowed to, or None."""
    if not scopes:
        return None
    if not set(scopes) <= permitted:
        raise InputError("scope: the client does not have one of these permissions")
    return frozenset(Action(scope) for scope in scopes)

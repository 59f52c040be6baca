"""Credentials of API clients: keys, access tokens, issuers' tokens.

Whatever a client sends, its rights are those that the index holds of it, read on each call.
"""

from dataclasses import dataclass
from enum import Enum, auto

from mpi.domain import clock
from mpi.domain.errors import NotAuthenticated
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.storage.repositories.access.clients import Client
from mpi.storage.unit_of_work.units import ReadUnit

ACCESS_TOKEN_PREFIX = "mpiat_"  # noqa: S105 - a prefix, no token
_SIGNED_TOKEN_DOTS = 2
"""Dots of a signed token: header, claims, signature (RFC 7515, section 7.1)."""
_NO_KEY = "send an API key: Authorization: Bearer <key>, or X-API-Key: <key>"


class CredentialKind(Enum):
    """Kind of a client's credential."""

    KEY = auto()
    ACCESS_TOKEN = auto()
    SUBJECT = auto()
    """Name at the trusted issuer, from a token whose signature was checked."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A client's credential, ready to be looked up.

    Args:
        kind: what was sent.
        value: hash of the key or access token, or the client's name at the issuer.
    """

    kind: CredentialKind
    value: str


def is_signed_token(text: str) -> bool:
    """Return whether a text has the form of a signed token (JWT).

    API keys and access tokens of this index hold no dot.
    """
    return text.count(".") == _SIGNED_TOKEN_DOTS


def read_credential(index: Index, key: str | None) -> Credential:
    """Return the credential that a client sent; check a signed token.

    Call it outside a transaction: the issuer's keys may have to be fetched.

    Raises:
        NotAuthenticated: nothing was sent, or the signed token is not accepted.
        StoreError: the issuer's keys cannot be read.
    """
    if not key:
        raise NotAuthenticated(_NO_KEY)
    if key.startswith(ACCESS_TOKEN_PREFIX):
        return Credential(CredentialKind.ACCESS_TOKEN, hash_token(key))
    issuer = index.settings.token_issuer
    if issuer is not None and is_signed_token(key):
        from mpi.service.identity.token_rules import verify_access_token  # noqa: PLC0415 - see bootstrap

        return Credential(CredentialKind.SUBJECT, verify_access_token(issuer, key))
    return Credential(CredentialKind.KEY, hash_token(key))


def find_credential_client(unit: ReadUnit, credential: Credential) -> Client:
    """Return the client that a credential stands for.

    Raises:
        NotAuthenticated: the credential is unknown, revoked or expired.
    """
    if credential.kind is CredentialKind.SUBJECT:
        client = unit.clients.find_by_subject(credential.value)
        if client is None:
            raise NotAuthenticated("this token's client is not known here: ask the operator to bind it")
    elif credential.kind is CredentialKind.ACCESS_TOKEN:
        client = unit.access_tokens.find_client(credential.value, clock.format_timestamp(clock.now()))
        if client is None:
            raise NotAuthenticated("this access token has expired or was ended: get another at /oauth/token")
    else:
        client = _find_by_key(unit, credential.value)
    require_unexpired(client)
    return client


def _find_by_key(unit: ReadUnit, key_hash: str) -> Client:
    client = unit.clients.find_by_key(key_hash)
    if client is None:
        client = unit.clients.find_by_former_key(key_hash, clock.format_timestamp(clock.now()))
    if client is None:
        scope = unit.splits.scope_of_key(key_hash)
        if scope is not None:
            raise NotAuthenticated(f"this API key opens the index of the scope {scope}, and not this one")
        raise NotAuthenticated("this API key is not known here, or was revoked")
    return client


def require_unexpired(client: Client) -> None:
    """Refuse a client whose key has expired.

    Raises:
        NotAuthenticated: it has.
    """
    if client.expires_on is not None and client.expires_on <= clock.today():
        raise NotAuthenticated("this API key has expired: ask the operator for a later expiry or another key")

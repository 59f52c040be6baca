"""What a program shows so that the index knows it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ApiKey:
    """API key of a client, or a trusted issuer's signed token.

    Args:
        key: the key, which no ``repr`` shows.
    """

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Name and key of a client, for short-lived access tokens.

    They are its client credentials of OAuth 2.0. The client gets a token at its first call, keeps it in
    memory, and replaces it before it ends.

    Args:
        client_id: name of the client at the index.
        client_secret: its API key, which no ``repr`` shows.
        scopes: permissions to narrow the token to; all of the client's if empty.
    """

    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


Credentials = ApiKey | ClientCredentials


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Access token in use.

    Args:
        token: the token.
        renew_at: when to get another one, on the monotonic clock, in seconds.
    """

    token: str = field(repr=False)
    renew_at: float

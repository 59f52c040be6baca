"""Repository of clients' short-lived access tokens, stored as hashes."""

from collections.abc import Collection

import orjson
from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from mpi.domain.viewer import Action
from mpi.storage.repositories.access.clients import CLIENT_COLUMNS, Client, client_of, narrow_client
from mpi.storage.tables import AccessTokenRow, ClientRow, table_of

_token = table_of(AccessTokenRow)
_client = table_of(ClientRow)

# A module constant, since every call with a token runs it.
_BY_TOKEN = (
    select(*CLIENT_COLUMNS, _token.c.actions.label("token_actions"))
    .join(_client, _client.c.name == _token.c.client)
    .where(
        _token.c.token_hash == bindparam("token_hash"),
        _token.c.expires_at > bindparam("now"),
        _client.c.revoked_commit.is_(None),
        or_(
            _client.c.key_hash == _token.c.key_hash,
            (_client.c.former_key_hash == _token.c.key_hash)
            & (_client.c.former_key_until > bindparam("now")),
        ),
    )
)


class AccessTokens:
    """Repository of access tokens, keyed by their hash."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        token_hash: str,
        client: str,
        key_hash: str,
        actions: Collection[Action] | None,
        expires_at: str,
    ) -> None:
        """Add an access token.

        Args:
            token_hash: hash of the token.
            client: name of the client.
            key_hash: hash of the key for which it is issued, and with which it ends.
            actions: actions that it is narrowed to; None for all of the client's.
            expires_at: when it ends (ISO, UTC).
        """
        self._connection.execute(
            insert(_token).values(
                token_hash=token_hash,
                client=client,
                key_hash=key_hash,
                actions=None if actions is None else orjson.dumps(sorted(actions)).decode(),
                expires_at=expires_at,
            )
        )

    def find_client(self, token_hash: str, now: str) -> Client | None:
        """Return the client of a token that is valid, or None.

        Args:
            token_hash: hash of the token.
            now: present moment (ISO, UTC).
        """
        row = self._connection.execute(_BY_TOKEN, {"token_hash": token_hash, "now": now}).first()
        if row is None:
            return None
        client = client_of(row)
        if row.token_actions is None:
            return client
        return narrow_client(client, frozenset(Action(action) for action in orjson.loads(row.token_actions)))

    def delete_expired(self, now: str) -> None:
        """Delete the tokens that have ended by a moment (ISO, UTC)."""
        self._connection.execute(delete(_token).where(_token.c.expires_at <= now))

    def delete_oldest(self, client: str, kept: int) -> None:
        """Delete all tokens of a client but the latest ones.

        Args:
            client: name of the client.
            kept: number of tokens that stay.
        """
        latest = (
            select(_token.c.token_hash)
            .where(_token.c.client == client)
            .order_by(_token.c.expires_at.desc())
            .limit(kept)
        )
        self._connection.execute(
            delete(_token).where(_token.c.client == client, _token.c.token_hash.not_in(latest))
        )

    def end_all(self) -> None:
        """End every token of all clients."""
        self._connection.execute(delete(_token))

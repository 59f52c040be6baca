"""Repository of the one-time link of the first administrator."""

from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import FirstLinkRow, table_of

_link = table_of(FirstLinkRow)


class FirstLinks:
    """Repository of the one valid link, by its token's hash."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def replace(self, token_hash: str, expires_at: str) -> None:
        """Store a new link, which ends the one before."""
        self.delete()
        self._connection.execute(insert(_link).values(token_hash=token_hash, expires_at=expires_at))

    def is_valid(self, token_hash: str, now: str) -> bool:
        """Return whether a link is valid at a moment (ISO, UTC)."""
        query = select(_link.c.token_hash).where(_link.c.token_hash == token_hash, _link.c.expires_at > now)
        return self._connection.execute(query).first() is not None

    def delete(self) -> None:
        """Delete the link, if there is one."""
        self._connection.execute(delete(_link))

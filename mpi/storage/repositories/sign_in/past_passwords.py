"""Repository of the hashes of passwords that accounts had before."""

import orjson
from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import PastPasswordsRow, table_of

_past = table_of(PastPasswordsRow)


class PastPasswords:
    """Repository of hashes of past passwords, one row an account."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, account_id: int) -> tuple[str, ...]:
        """Return the hashes of an account's past passwords, newest first."""
        query = select(_past.c.hashes).where(_past.c.account_id == account_id)
        hashes = self._connection.execute(query).scalar()
        return () if hashes is None else tuple(orjson.loads(hashes))

    def replace(self, account_id: int, hashes: tuple[str, ...]) -> None:
        """Store the hashes of an account's past passwords."""
        self.delete(account_id)
        self._connection.execute(
            insert(_past).values(account_id=account_id, hashes=orjson.dumps(hashes).decode())
        )

    def delete(self, account_id: int) -> None:
        """Delete what is stored of an account's past passwords."""
        self._connection.execute(delete(_past).where(_past.c.account_id == account_id))

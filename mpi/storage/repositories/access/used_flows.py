"""Repository of ended sign-ins with an identity provider."""

from sqlalchemy import Connection, delete, select

from mpi.storage.tables import UsedFlowRow, table_of

_flow = table_of(UsedFlowRow)


class UsedFlows:
    """Repository of flow tokens that have served, by their hash."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token_hash: str, expires_at: str) -> bool:
        """Record that a flow has ended; return False if it had before.

        The caller holds the lock of writers.
        """
        if self._connection.execute(
            select(_flow.c.token_hash).where(_flow.c.token_hash == token_hash)
        ).first():
            return False
        self._connection.execute(_flow.insert().values(token_hash=token_hash, expires_at=expires_at))
        return True

    def delete_before(self, moment: str) -> None:
        """Delete the flows whose tokens are refused in any case."""
        self._connection.execute(delete(_flow).where(_flow.c.expires_at <= moment))

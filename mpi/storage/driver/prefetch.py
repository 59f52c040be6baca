"""Sending of queries before their results are needed.

A database across a network answers several queries in one round trip.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Executable


def prefetch(
    connection: Connection, statement: Executable, parameters: Mapping[str, Any] | None = None
) -> None:
    """Send a query ahead; the same unit of work executes it later.

    It must do so before its next write. See ``DatabaseSession.prefetch``.

    Args:
        connection: connection of a unit; any other ignores the call.
        statement: the statement object that will be executed.
        parameters: equal to the parameters of that execution.
    """
    send = getattr(connection, "prefetch", None)
    if send is not None:
        send(statement, parameters)


def fetch_all(
    connection: Connection, statement: Executable, parameters: Mapping[str, Any] | None = None
) -> list[Any]:
    """Return all rows of a statement that reads a whole table.

    See ``DatabaseSession.fetch_all``.
    """
    read = getattr(connection, "fetch_all", None)
    rows = connection.execute(statement, parameters).all() if read is None else read(statement, parameters)
    return list(rows)

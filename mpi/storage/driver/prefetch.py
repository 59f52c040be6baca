"""Questions sent ahead: a store across a network answers several in one round trip."""

from typing import Any

from sqlalchemy import Connection


def prefetch(connection: Connection, statement: Any, parameters: Any = None) -> None:  # noqa: ANN401
    """Send a question that the same unit will ask before it writes anything; see ``Session.ahead``.

    Args:
        connection: of a unit; on any other nothing is sent.
        statement: the same object that will be run.
        parameters: equal to those that it will be run with.
    """
    send = getattr(connection, "prefetch", None)
    if send is not None:
        send(statement, parameters)


def fetch_all(connection: Connection, statement: Any, parameters: Any = None) -> list[Any]:  # noqa: ANN401
    """All rows of a statement that reads a table from end to end; see ``Session.every``."""
    read = getattr(connection, "fetch_all", None)
    rows = connection.execute(statement, parameters).all() if read is None else read(statement, parameters)
    return list(rows)

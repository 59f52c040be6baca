"""Connectors by the name of their system."""

from collections.abc import Callable, Mapping

from mpi.connectors.connection import Connection
from mpi.connectors.edfi.connector import EdfiConnector
from mpi.connectors.oneroster.connector import OneRosterConnector
from mpi.connectors.pull import Connector
from mpi.domain.errors import InputError

CONNECTORS: Mapping[str, Callable[[Connection], Connector]] = {
    "edfi": EdfiConnector,
    "oneroster": OneRosterConnector,
}
"""Connector of each system that ``system`` of a connection may name."""


def make_connector(connection: Connection) -> Connector:
    """Return the connector of a connection's system.

    Raises:
        InputError: there is none, or an option of the connection is wrong.
    """
    connector = CONNECTORS.get(connection.system)
    if connector is None:
        raise InputError(f"{connection.name}: system: there is {', '.join(sorted(CONNECTORS))}")
    return connector(connection)

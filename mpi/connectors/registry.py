"""Connectors by the name of their system."""

from collections.abc import Callable, Mapping

from mpi.connectors.connection import Connection
from mpi.connectors.edfi.connector import EdfiConnector
from mpi.connectors.edfi.id_writer import EdfiIdWriter
from mpi.connectors.id_writing import IdWriter
from mpi.connectors.oneroster.connector import OneRosterConnector
from mpi.connectors.pull import Connector
from mpi.domain.errors import InputError

CONNECTORS: Mapping[str, Callable[[Connection], Connector]] = {
    "edfi": EdfiConnector,
    "oneroster": OneRosterConnector,
}
"""Connector of each system that ``system`` of a connection may name."""

ID_WRITERS: Mapping[str, Callable[[Connection], IdWriter]] = {"edfi": EdfiIdWriter}
"""Writer of enterprise IDs of each system into which they can be written."""


def make_connector(connection: Connection) -> Connector:
    """Return the connector of a connection's system.

    Raises:
        InputError: there is none, or an option of the connection is wrong.
    """
    connector = CONNECTORS.get(connection.system)
    if connector is None:
        raise InputError(f"{connection.name}: system: there is {', '.join(sorted(CONNECTORS))}")
    return connector(connection)


def make_id_writer(connection: Connection) -> IdWriter:
    """Return the writer of enterprise IDs of a connection's system.

    Raises:
        InputError: there is none, or an option of the connection is wrong.
    """
    writer = ID_WRITERS.get(connection.system)
    if writer is None:
        raise InputError(
            f"{connection.name}: system: IDs can be written into {', '.join(sorted(ID_WRITERS))}"
        )
    return writer(connection)

"""Connectors by the name of their system."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mpi.connectors.connection import FILE_SYSTEM, Connection
from mpi.connectors.edfi.connector import EdfiConnector
from mpi.connectors.edfi.id_writer import EdfiIdWriter
from mpi.connectors.id_writing import IdWriter
from mpi.connectors.oneroster.connector import OneRosterConnector
from mpi.connectors.pull import Connector
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.connectors.sftp.server import SftpServer

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
        systems = ", ".join(sorted([*CONNECTORS, FILE_SYSTEM]))
        raise InputError(f"{connection.name}: system: there is {systems}")
    return connector(connection)


def make_file_server(connection: Connection) -> "SftpServer":
    """Return the server of files of a connection.

    Raises:
        InputError: the extra ``sftp`` is not installed, or an option of the connection is wrong.
    """
    try:
        from mpi.connectors.sftp.server import SftpServer  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError as error:
        if error.name != "asyncssh":
            raise
        raise InputError(
            "files over SFTP need the extra sftp, which is not installed: pip install '.[sftp]' in a checkout"
        ) from None
    return SftpServer(connection)


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

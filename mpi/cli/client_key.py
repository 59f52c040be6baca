"""API key of the client in whose name a command runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import CommandSession
from mpi.domain.errors import InputError
from mpi.domain.viewer import Viewer

if TYPE_CHECKING:
    from mpi.service.core.index import Index

KEY_VARIABLE = "MPI_API_KEY"
"""Environment variable with the API key of a client."""
AsClient = Annotated[
    bool,
    typer.Option("--client", help=f"As the client whose API key is in {KEY_VARIABLE}, not as the operator."),
]


def choose_viewer(session: CommandSession, *, as_client: bool, who: str = "may do this") -> Viewer:
    """Return the operator, or the client whose API key the environment holds.

    Args:
        session: the command's open index and operator.
        as_client: whether the client is asked for.
        who: what the client must be or may do, for the message.

    Raises:
        InputError: the environment holds no key.
    """
    return authenticate_client(session.index, who) if as_client else session.viewer


def authenticate_client(index: Index, who: str) -> Viewer:
    """Return the client whose API key the environment holds.

    Raises:
        InputError: the environment holds no key.
    """
    from mpi.service.access.client_authentication import authenticate  # noqa: PLC0415 - --help checks no key

    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise InputError(f"put the API key of a client who {who} into {KEY_VARIABLE}")
    return authenticate(index, key, None)

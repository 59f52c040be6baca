"""Master Person Index: find the source records that describe one person.

Records of agencies and schools, stewards' decisions and a trained match model enter. Stable enterprise IDs,
explanations, review questions and an audit trail leave, by command line, HTTP API, web pages and notebooks.
"""

from importlib import import_module
from os import PathLike
from typing import Any

__version__ = "1.0.0rc1"


def open(  # noqa: A001 - mpi.open is the name that the documentation gives it
    path: str | PathLike[str], *, purpose: str, key: str | None = None, write: bool = False
) -> Any:  # noqa: ANN401 - the class stands above every package that reads the version here
    """Open an index for a notebook, for reading by default.

    Args:
        path: home folder of the index, its file ``mpi.db``, or the URL of a PostgreSQL database.
        purpose: why you ask, such as ``data_quality``; it goes on the ledger with each answer.
        key: API key of the client that you act as; None for the operator, who holds the index.
        write: whether ``resolve`` stores the rows as records.

    Returns:
        A ``mpi.notebook.session.NotebookIndex``, to be used in a ``with`` statement.

    Raises:
        InputError: there is no index, or the purpose is unknown.
        NotAuthenticated: the key is unknown, expired or revoked.
        StoreError: the index cannot be opened.
    """
    return import_module("mpi.notebook.session").open_notebook_index(path, purpose, key, write=write)

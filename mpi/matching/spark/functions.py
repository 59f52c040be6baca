"""Spark functions that call the online scorer's own string functions.

The Jaro-Winkler of Splink's jar for Spark is not DuckDB's: on near pairs they differ in one of seventy. So
Spark calls the edition that the compiled scorer calls, with Arrow columns. A worker imports this module and
no more of the index.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import rapidfuzz

from mpi.matching.compiler.runtime_functions import LIST_PAIR_FUNCTIONS, NAMESPACE

FUNCTION_PREFIX = "mpi_"
"""Prefix of the index's function names in Spark."""

ArrowCallable = Callable[..., pa.Array]
"""A function of Arrow columns that returns one."""


class WorkerDiffersError(Exception):
    """A Spark worker has another version of the string functions.

    Its weights might differ from the index's.
    """


class ArrowFunction:
    """Function of a compiled model applied to Arrow columns; NULL for NULL.

    Args:
        name: name of the function in the compiled scorer.
        edition: version of the string functions that the index scores with.
    """

    def __init__(self, name: str, edition: str) -> None:
        self.name = name
        self.edition = edition
        self._is_checked = False

    def apply(self, returns: pa.DataType, *columns: pa.Array) -> pa.Array:
        """Apply the scorer's function to every row of Arrow columns.

        Raises:
            WorkerDiffersError: this machine has another version.
        """
        if not self._is_checked:
            if rapidfuzz.__version__ != self.edition:
                raise WorkerDiffersError(
                    f"this worker has rapidfuzz {rapidfuzz.__version__}, the index {self.edition}"
                )
            self._is_checked = True
        function: Callable[..., Any] = NAMESPACE[self.name]
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        return pa.array([None if None in row else function(*row) for row in rows], returns)


def make_binary_function(name: str, returns: pa.DataType) -> ArrowCallable:
    """Make a Spark function of two texts or lists of texts.

    Its annotations tell Spark what it takes.
    """
    over = ArrowFunction(name, rapidfuzz.__version__)

    def call(left: pa.Array, right: pa.Array) -> pa.Array:
        return over.apply(returns, left, right)

    return call


def make_unary_function(name: str, returns: pa.DataType) -> ArrowCallable:
    """Make a Spark function of one text."""
    over = ArrowFunction(name, rapidfuzz.__version__)

    def call(text: pa.Array) -> pa.Array:
        return over.apply(returns, text)

    return call


FUNCTIONS: dict[str, tuple[ArrowCallable, str]] = {
    "jaro_winkler": (make_binary_function("jaro_winkler", pa.float64()), "double"),
    "jaro": (make_binary_function("jaro", pa.float64()), "double"),
    "levenshtein": (make_binary_function("levenshtein", pa.int64()), "bigint"),
    "damerau_levenshtein": (make_binary_function("damerau_levenshtein", pa.int64()), "bigint"),
    "jaccard": (make_binary_function("jaccard", pa.float64()), "double"),
    "regexp_extract": (make_binary_function("regexp_extract", pa.string()), "string"),
    **{name: (make_binary_function(name, pa.float64()), "double") for name in LIST_PAIR_FUNCTIONS},
    "date_epoch": (make_unary_function("date_epoch", pa.int64()), "bigint"),
}
"""Functions and their Spark types, by the compiled scorer's name.

Spark knows each as ``mpi_…``.
"""

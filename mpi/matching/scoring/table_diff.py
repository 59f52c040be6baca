"""Differences of two tables that may be larger than memory."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from mpi.matching.scoring.splink_engine import connect_duckdb

COMPARING_MEMORY = "500MB"
"""Memory limit of comparing before it spills."""


def diff_tables(
    left: Iterable[pa.Table], right: Iterable[pa.Table], folder: Path
) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """Yield rows that only one of two tables has.

    Args:
        left: first table, in parts.
        right: second table, in parts, of the same columns; a row that comes twice counts once.
        folder: where to spill; a directory that only this user can read is made inside.

    Returns:
        Each row, and whether the first table has it.
    """
    with (
        tempfile.TemporaryDirectory(prefix="comparing-", dir=folder) as spill,
        connect_duckdb(Path(spill), COMPARING_MEMORY) as connection,
    ):
        _fill_table(connection, "one", left)
        _fill_table(connection, "other", right)
        for present_table, absent_table, is_first in (("one", "other", True), ("other", "one", False)):
            rows = connection.execute(f"FROM {present_table} EXCEPT FROM {absent_table}").fetchall()
            yield from ((tuple(row), is_first) for row in rows)


def _fill_table(connection: duckdb.DuckDBPyConnection, name: str, parts: Iterable[pa.Table]) -> None:
    """Create a DuckDB table from an Arrow table in parts."""
    is_created = False
    for part in parts:
        connection.register("part", part)
        statement = f"INSERT INTO {name}" if is_created else f"CREATE TABLE {name} AS"
        connection.execute(f"{statement} FROM part")
        connection.unregister("part")
        is_created = True

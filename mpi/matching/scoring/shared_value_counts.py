"""Counting of shared addresses and other values by SQL, on DuckDB.

It computes what ``mpi.standardize.shared_values`` defines.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from mpi.domain.features import LIST_COLUMNS
from mpi.matching.scoring.feature_batches import create_feature_table, insert_features
from mpi.matching.scoring.splink_engine import connect_duckdb
from mpi.standardize.shared_values import MIN_BIRTH_DATES, SHARED_VALUE_COLUMNS

_HOUSE_SQL = "coalesce(street_number || ' ', '') || street || '|' || coalesce(postal_code, city)"
_FLAT_SQL = (
    f"CASE WHEN unit IS NOT NULL AND list_contains(addresses, {_HOUSE_SQL}) "
    f"THEN {_HOUSE_SQL} || '|' || unit END"
)
"""Key of the flat of the first home, where it has one (``shared_values``)."""
COUNTING_MEMORY = "256MB"
"""Memory limit of counting before it spills."""
_COUNTED_COLUMNS = (
    "birth_date",
    *SHARED_VALUE_COLUMNS,
    "street_number",
    "street",
    "unit",
    "postal_code",
    "city",
)


def _iter_value_queries() -> Iterator[str]:
    """Yield the query of each column's values with birth date and record."""
    for column in SHARED_VALUE_COLUMNS:
        value = f"unnest({column})" if column in LIST_COLUMNS else column
        yield (
            f"SELECT '{column}' AS kind, {value} AS value, birth_date, unique_id FROM feature_table "
            f"WHERE {column} IS NOT NULL"
        )
    yield (
        f"FROM (SELECT 'addresses' AS kind, {_FLAT_SQL} AS value, birth_date, unique_id FROM feature_table) "
        "WHERE value IS NOT NULL"
    )


SHAREABLE_VALUES_SQL = " UNION ALL ".join(_iter_value_queries())
"""Query of every value of ``feature_table`` that may be shared.

Columns: column, value, birth date and record.
"""
SHARED_VALUES_SQL = (
    "SELECT kind, value FROM borne WHERE birth_date IS NOT NULL "
    f"GROUP BY ALL HAVING count(DISTINCT birth_date) >= {MIN_BIRTH_DATES}"
)
"""Query of the shared values of a table ``borne``."""


class SharedValueTable:
    """A DuckDB table that counts values of features.

    Args:
        connection: used by nobody else.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        connection.execute("CREATE TABLE borne (kind VARCHAR, value VARCHAR, birth_date VARCHAR)")

    def count_batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches of features, each counted before it is given on."""
        for batch in batches:
            create_feature_table(self._connection, "feature_table", _COUNTED_COLUMNS)
            insert_features(self._connection, "feature_table", [batch], _COUNTED_COLUMNS)
            self._connection.execute(
                f"INSERT INTO borne SELECT kind, value, birth_date FROM ({SHAREABLE_VALUES_SQL})"
            )
            yield batch

    def find_shared(self) -> dict[str, list[str]]:
        """Return the shared values by column."""
        values_of: dict[str, list[str]] = {}
        for kind, value in self._connection.execute(SHARED_VALUES_SQL).fetchall():
            values_of.setdefault(kind, []).append(value)
        return values_of


@contextmanager
def open_shared_value_table(folder: Path) -> Iterator[SharedValueTable]:
    """Open an empty table to count shared values.

    Args:
        folder: where to spill; a directory that only this user can read is made inside.
    """
    with (
        tempfile.TemporaryDirectory(prefix="counting-", dir=folder) as spill,
        connect_duckdb(Path(spill), COUNTING_MEMORY) as connection,
    ):
        yield SharedValueTable(connection)

"""Takes shared values out of a table of features, as a re-cluster with fresh lists does.

The same facts as ``mpi.standardize.shared_values``: the values are found by SQL over all rows, and the few
records that bear one go through ``without_shared`` itself.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS
from mpi.matching.batch import connect, feature_table
from mpi.standardize.shared_values import COLUMNS, LEAST_BIRTH_DATES, listed, without_shared
from training.kept import features_in
from training.records import SEAL

_WHERE = "coalesce(postal_code, city)"
_HOUSE = f"coalesce(street_number || ' ', '') || street || '|' || {_WHERE}"
_FLAT = f"CASE WHEN unit IS NOT NULL AND list_contains(addresses, {_HOUSE}) THEN {_HOUSE} || '|' || unit END"
"""The flat of the first home, where it has one (``shared_values``)."""


def without_shared_homes(features: pa.Table) -> pa.Table:
    """The features as an index compares them once it is re-clustered with fresh lists.

    Args:
        features: of all records of the index, nothing taken out of them; with ``unique_id``.

    Returns:
        The same columns, in no particular order.
    """
    with tempfile.TemporaryDirectory() as spill:
        connection = connect(Path(spill))
        try:
            connection.register("standing", features)
            connection.execute(f"CREATE TEMP TABLE borne AS {' UNION ALL '.join(_borne())}")
            connection.execute(
                "CREATE TEMP TABLE shared AS SELECT kind, value FROM borne WHERE birth_date IS NOT NULL "
                f"GROUP BY ALL HAVING count(DISTINCT birth_date) >= {LEAST_BIRTH_DATES}"
            )
            connection.execute(
                "CREATE TEMP TABLE bearers AS "
                "SELECT DISTINCT unique_id FROM borne SEMI JOIN shared USING (kind, value)"
            )
            return _relieved(connection, features)
        finally:
            connection.close()


def _borne() -> Iterator[str]:
    """Every value that may be shared, with its column and the birth date that it is borne with."""
    for column in COLUMNS:
        value = f"unnest({column})" if column in LIST_COLUMNS else column
        yield (
            f"SELECT '{column}' AS kind, {value} AS value, birth_date, unique_id FROM standing "
            f"WHERE {column} IS NOT NULL"
        )
    yield (
        f"FROM (SELECT 'addresses' AS kind, {_FLAT} AS value, birth_date, unique_id FROM standing) "
        "WHERE value IS NOT NULL"
    )


def _relieved(connection: duckdb.DuckDBPyConnection, standing: pa.Table) -> pa.Table:
    values: dict[str, list[str]] = {}
    for kind, value in connection.execute("FROM shared").fetchall():
        values.setdefault(kind, []).append(value)
    shared = listed(values, SEAL)
    bears = pc.is_in(standing["unique_id"], connection.sql("FROM bearers").to_arrow_table()["unique_id"])
    found = features_in(standing.filter(bears))
    made = ((number, without_shared(features, shared, SEAL)) for number, features in found)
    return pa.concat_tables([standing.filter(pc.invert(bears)), feature_table(made, FEATURE_COLUMNS)])

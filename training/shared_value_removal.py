"""Removal of shared values from a feature table.

It applies the rules of ``mpi.standardize.shared_values``: SQL finds the values over all rows, and
the few records that have one go through ``drop_shared_values`` itself.
"""

import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.scoring.shared_value_counts import SHAREABLE_VALUES_SQL, SHARED_VALUES_SQL
from mpi.matching.scoring.splink_engine import connect_duckdb, make_feature_table
from mpi.standardize.shared_values import drop_shared_values, make_shared_values
from training.record_table import decode_features
from training.records import KEYED_HASH


def remove_shared_values_from_table(features: pa.Table) -> pa.Table:
    """Remove values that many people share from a feature table.

    Args:
        features: features of all records of the index, no value removed from them; with ``unique_id``.

    Returns:
        The same columns, in no particular order.
    """
    with tempfile.TemporaryDirectory() as spill:
        connection = connect_duckdb(Path(spill))
        try:
            connection.register("feature_table", features)
            connection.execute(f"CREATE TEMP TABLE borne AS {SHAREABLE_VALUES_SQL}")
            connection.execute(f"CREATE TEMP TABLE shared AS {SHARED_VALUES_SQL}")
            connection.execute(
                "CREATE TEMP TABLE bearers AS "
                "SELECT DISTINCT unique_id FROM borne SEMI JOIN shared USING (kind, value)"
            )
            return _remove_values(connection, features)
        finally:
            connection.close()


def _remove_values(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> pa.Table:
    """Remove values that many people share from the records with one."""
    values: dict[str, list[str]] = {}
    for kind, value in connection.execute("FROM shared").fetchall():
        values.setdefault(kind, []).append(value)
    shared = make_shared_values(values, KEYED_HASH)
    has_shared = pc.is_in(table["unique_id"], connection.sql("FROM bearers").to_arrow_table()["unique_id"])
    affected = decode_features(table.filter(has_shared))
    changed = ((number, drop_shared_values(features, shared, KEYED_HASH)) for number, features in affected)
    return pa.concat_tables(
        [table.filter(pc.invert(has_shared)), make_feature_table(changed, FEATURE_COLUMNS)]
    )

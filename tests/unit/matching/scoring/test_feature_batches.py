"""Stored features are read into DuckDB completely, however they are batched."""

import duckdb
import orjson
import pyarrow as pa
import pytest

from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.matching.scoring import feature_batches
from mpi.standardize.serialization import features_to_bytes


@pytest.mark.parametrize("sizes", [(7,), (1, 1, 1, 1, 1, 1, 1), (3, 4), (4, 3), (2, 5)])
def test_every_row_arrives_once_for_any_batch_sizes(sizes):
    texts = [features_to_bytes(Features(given=f"N{n}", phones=(f"{n}",))).decode() for n in range(7)]
    assert len(orjson.loads(texts[0])) == len(FEATURE_COLUMNS)
    table = pa.table({"unique_id": range(7), "features": texts}, schema=feature_batches.STORED_FEATURE_SCHEMA)
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    batches = [table.slice(first, size).to_batches()[0] for first, size in zip(starts, sizes, strict=True)]
    with duckdb.connect(":memory:") as connection:
        columns = ("given", "phones", "middle")
        feature_batches.create_feature_table(connection, "feature_table", columns)
        feature_batches.insert_features(connection, "feature_table", iter(batches), columns, 3)
        rows = connection.sql("FROM feature_table ORDER BY unique_id").fetchall()
    assert rows == [(n, f"N{n}", [f"{n}"], None) for n in range(7)]


def test_no_rows_give_an_empty_table():
    with duckdb.connect(":memory:") as connection:
        feature_batches.create_feature_table(connection, "feature_table", ("given",))
        feature_batches.insert_features(connection, "feature_table", iter([]), ("given",))
        assert connection.sql("FROM feature_table").fetchall() == []

"""Difference of two tables: the rows that only one of them has."""

import pyarrow as pa

from mpi.matching.scoring.table_diff import diff_tables


def table_parts(*rows):
    """Yield a table in parts of one row each, after an empty one."""
    schema = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    yield schema.empty_table()
    for a, b in rows:
        yield pa.table([[a], [b]], schema)


def test_rows_of_only_one_table_are_returned_with_its_side(tmp_path):
    first, second = table_parts((1, 2), (-(2**63), 5), (1, 2)), table_parts((2**63 - 1, 5), (1, 2))
    assert sorted(diff_tables(first, second, tmp_path)) == [((-(2**63), 5), True), ((2**63 - 1, 5), False)]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_table_lacks_every_row(tmp_path):
    assert list(diff_tables(table_parts((3, 4)), table_parts(), tmp_path)) == [((3, 4), True)]

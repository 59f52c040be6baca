"""Rows that only one of two tables has."""

import pyarrow as pa

from mpi.matching.scoring.table_diff import diff_tables


def parts(*rows):
    """A table in parts of one row each, after an empty one."""
    schema = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    yield schema.empty_table()
    for a, b in rows:
        yield pa.table([[a], [b]], schema)


def test_rows_that_only_one_has_are_told_apart(tmp_path):
    one, other = parts((1, 2), (-(2**63), 5), (1, 2)), parts((2**63 - 1, 5), (1, 2))
    assert sorted(diff_tables(one, other, tmp_path)) == [((-(2**63), 5), True), ((2**63 - 1, 5), False)]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_table_lacks_every_row(tmp_path):
    assert list(diff_tables(parts((3, 4)), parts(), tmp_path)) == [((3, 4), True)]

"""Test which keys too many records hold."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mpi.matching.scoring.block_purging import drop_purged_keys, find_purged_keys


@given(st.lists(st.integers(-3, 3)), st.integers(0, 5))
def test_keys_above_the_limit_are_found(keys, limit):
    expected = [key for key in sorted(set(keys)) if keys.count(key) > limit]
    assert find_purged_keys(np.array(keys, np.int64), limit).tolist() == expected


def test_rows_of_other_keys_stay():
    table = pa.table({"key": [5, 7, 5, 7, 7, -1], "record_id": [1, 1, 2, 2, 3, 4]})
    assert drop_purged_keys(table, 2).to_pydict() == {"key": [5, 5, -1], "record_id": [1, 2, 4]}
    assert drop_purged_keys(table, 3) is table

"""How much of a file is looked ahead for at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.service.indexing.pairing import MOST_KEPT, Bounds
from mpi.service.loads import batch_sizes
from mpi.service.loads.batch_sizes import FIRST, LEAST, MOST, WORTH_ANOTHER, largest_window, window_sizes


def test_the_first_and_the_last_windows_of_a_file_are_smaller_than_those_between():
    assert [*window_sizes(260_000, MOST)] == [
        20_000,
        40_000,
        *[60_000] * 2,
        40_000,
        20_000,
        10_000,
        5_000,
        5_000,
    ]


@pytest.mark.parametrize("statements", [1, LEAST, FIRST, FIRST + WORTH_ANOTHER - 1])
def test_what_a_process_that_pairs_is_not_worth_is_one_window(statements):
    assert [*window_sizes(statements, MOST)] == [statements]


@given(st.integers(0, 3_000_000), st.integers(MOST, 10 * MOST))
def test_windows_take_every_statement_once_and_none_is_for_a_few(statements, most):
    sizes = [*window_sizes(statements, most)]
    assert sum(sizes) == statements
    assert max(sizes, default=0) <= most
    assert min(sizes, default=LEAST) >= min(statements, LEAST // 2)
    assert len(sizes) < 2 or sizes[0] == FIRST


@pytest.mark.parametrize(
    ("records", "memory_factor", "most"),
    [
        (0, 4, MOST),
        (40 * MOST, 4, MOST),
        (80 * MOST, 4, 2 * MOST),
        (200 * MOST, 4, 4 * MOST),
        (200 * MOST, 1, MOST),
    ],
)
def test_a_window_grows_with_the_index_as_far_as_there_is_memory(monkeypatch, records, memory_factor, most):
    monkeypatch.setattr(batch_sizes, "of_this_machine", lambda: Bounds("", MOST_KEPT * memory_factor))
    assert largest_window(records) == most

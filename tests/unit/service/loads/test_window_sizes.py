"""Test how many statements of a file are paired at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.tuning import LoadTuning
from mpi.service.indexing.pairing_limits import MAX_CACHED_RECORDS, PairingLimits
from mpi.service.loads.window_sizes import compute_largest_window, plan_window_sizes

TUNING = LoadTuning()
FIRST_WINDOW, LARGEST_WINDOW = TUNING.first_window_statements, TUNING.largest_window_statements
SECOND_WINDOW_FROM, SMALLEST_WINDOW = TUNING.second_window_statements, TUNING.smallest_window_statements


def test_first_and_last_windows_are_smaller_than_those_between():
    assert [*plan_window_sizes(260_000, LARGEST_WINDOW, TUNING)] == [
        20_000,
        40_000,
        *[60_000] * 2,
        40_000,
        20_000,
        10_000,
        5_000,
        5_000,
    ]


@pytest.mark.parametrize(
    "statements", [1, SMALLEST_WINDOW, FIRST_WINDOW, FIRST_WINDOW + SECOND_WINDOW_FROM - 1]
)
def test_file_too_small_for_a_pairing_process_is_one_window(statements):
    assert [*plan_window_sizes(statements, LARGEST_WINDOW, TUNING)] == [statements]


@given(st.integers(0, 3_000_000), st.integers(LARGEST_WINDOW, 10 * LARGEST_WINDOW))
def test_windows_cover_every_statement_once_and_none_is_tiny(statements, largest):
    sizes = [*plan_window_sizes(statements, largest, TUNING)]
    assert sum(sizes) == statements
    assert max(sizes, default=0) <= largest
    assert min(sizes, default=SMALLEST_WINDOW) >= min(statements, SMALLEST_WINDOW // 2)
    assert len(sizes) < 2 or sizes[0] == FIRST_WINDOW


@pytest.mark.parametrize(
    ("records", "memory_factor", "largest"),
    [
        (0, 4, LARGEST_WINDOW),
        (40 * LARGEST_WINDOW, 4, LARGEST_WINDOW),
        (80 * LARGEST_WINDOW, 4, 2 * LARGEST_WINDOW),
        (200 * LARGEST_WINDOW, 4, 4 * LARGEST_WINDOW),
        (200 * LARGEST_WINDOW, 1, LARGEST_WINDOW),
    ],
)
def test_windows_grow_with_the_index_as_far_as_memory_allows(records, memory_factor, largest):
    limits = PairingLimits("", MAX_CACHED_RECORDS * memory_factor)
    assert compute_largest_window(records, TUNING, limits) == largest

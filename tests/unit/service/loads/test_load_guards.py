"""Test when a load is held for confirmation."""

import pytest

from mpi.service.loads.load_guards import LoadEffect, find_hold_reason


@pytest.mark.parametrize(
    ("active", "withdrawn", "renamed", "sealed", "held"),
    [
        (0, 0, 0, 0, False),
        (1000, 50, 0, 0, False),
        (1000, 51, 0, 0, True),
        (300, 19, 0, 0, False),
        (3, 1, 0, 0, False),
        (30, 15, 0, 0, True),
        (1000, 0, 20, 0, False),
        (1000, 0, 21, 0, True),
        (100, 0, 19, 0, False),
        (1000, 0, 0, 50, False),
        (1000, 0, 0, 51, True),
        (300, 0, 0, 19, False),
        (3, 0, 0, 1, False),
        (30, 0, 0, 15, True),
    ],
)
def test_load_is_held_when_a_mistake_is_likely(active, withdrawn, renamed, sealed, held):
    assert (find_hold_reason(LoadEffect(active, withdrawn, renamed, sealed)) is not None) is held


@pytest.mark.parametrize(
    ("received", "rejected", "held"),
    [(200, 20, False), (200, 21, True), (30, 19, False), (30, 30, False), (0, 0, False)],
)
@pytest.mark.parametrize("active", [0, 1_000])
def test_load_that_rejects_many_rows_is_held_unless_it_rejects_all(active, received, rejected, held):
    reason = find_hold_reason(LoadEffect(active, 0, 0, 0, received, rejected))
    assert (reason is not None and f"reject {rejected} of {received} rows" in reason) is held


def test_irreversible_reason_is_stated_first():
    assert "cannot be undone" in find_hold_reason(LoadEffect(100, 60, 30, 60))

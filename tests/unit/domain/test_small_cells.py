"""Suppression of small counts, and of counts that would reveal them."""

from mpi.domain.statistics.small_cells import suppress_cells, suppress_cells_in_parts, suppress_count


def test_a_small_count_suppresses_the_next_smallest_too():
    assert suppress_cells({"a": 3, "b": 40, "c": 200}) == {"a": None, "b": None, "c": 200}


def test_two_small_counts_hide_each_other_and_large_ones_stay():
    assert suppress_cells({"a": 3, "b": 9, "c": 10}) == {"a": None, "b": None, "c": 10}
    assert suppress_cells({"c": 10, "d": 11}) == {"c": 10, "d": 11}


def test_a_zero_is_shown_and_hides_nothing():
    assert suppress_cells({"a": 0, "b": 5}) == {"a": 0, "b": None}
    assert suppress_cells({"a": 0, "b": 50}) == {"a": 0, "b": 50}
    assert (suppress_count(0), suppress_count(1), suppress_count(9), suppress_count(10)) == (
        0,
        None,
        None,
        10,
    )


def test_a_small_count_cannot_be_derived_from_a_part_total():
    assert suppress_cells({"a": 5, "b": 40, "c": 12, "d": 15}) == {"a": None, "b": 40, "c": None, "d": 15}
    cells = suppress_cells_in_parts([{"a": 5, "b": 40}, {"c": 12, "d": 15}])
    assert cells == {"a": None, "b": None, "c": None, "d": 15}
    assert suppress_cells_in_parts([{"a": 10, "b": 0}, {"c": 12}]) == {"a": 10, "b": 0, "c": 12}

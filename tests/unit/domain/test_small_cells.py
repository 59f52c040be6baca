"""Small counts are not shown, and neither is what they would follow from."""

from mpi.domain.small_cells import shown, suppressed


def test_a_small_count_takes_the_next_smallest_with_it():
    assert suppressed({"a": 3, "b": 40, "c": 200}) == {"a": None, "b": None, "c": 200}


def test_two_small_counts_hide_each_other_and_large_ones_stay():
    assert suppressed({"a": 3, "b": 9, "c": 10}) == {"a": None, "b": None, "c": 10}
    assert suppressed({"c": 10, "d": 11}) == {"c": 10, "d": 11}


def test_nought_tells_of_nobody_and_hides_nothing():
    assert suppressed({"a": 0, "b": 5}) == {"a": 0, "b": None}
    assert suppressed({"a": 0, "b": 50}) == {"a": 0, "b": 50}
    assert (shown(0), shown(1), shown(9), shown(10)) == (0, None, None, 10)

"""Suppression of small counts, and of counts that would reveal them."""

from collections import defaultdict
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.statistics.small_cells import suppress_cells, suppress_cells_in_parts, suppress_count

LEAST = 10


def test_a_small_count_suppresses_the_next_smallest_too():
    cells = suppress_cells({"a": 3, "b": 40, "c": 200, "d": 300})
    assert cells == {"a": None, "b": None, "c": None, "d": 300}
    assert suppress_cells({"yes": 3, "no": 997}) == {"yes": None, "no": None}


def test_small_counts_whose_sum_tells_them_suppress_larger_ones():
    two_ones = suppress_cells({"a": 900, "b": 95, "c": 1, "d": 1})
    assert two_ones == {"a": 900, "b": None, "c": None, "d": None}
    two_nines = suppress_cells({"a": 9, "b": 9, "c": 10, "d": 500})
    assert two_nines == {"a": None, "b": None, "c": None, "d": 500}
    three_ones = suppress_cells({"a": 1, "b": 1, "c": 1, "d": 50, "e": 60})
    assert three_ones == {"a": None, "b": None, "c": None, "d": None, "e": 60}
    three_nines = suppress_cells({"a": 9, "b": 9, "c": 9, "d": 10, "e": 60})
    assert three_nines == {"a": None, "b": None, "c": None, "d": None, "e": 60}


def test_large_counts_are_shown():
    assert suppress_cells({"a": 3, "b": 9, "c": 8, "d": 30}) == {"a": None, "b": None, "c": None, "d": 30}
    assert suppress_cells({"c": 10, "d": 11}) == {"c": 10, "d": 11}


@given(st.lists(st.integers(0, 40), max_size=7))
def test_each_hidden_count_may_be_one_or_nearly_large(counts):
    shown = suppress_cells({f"{place}": count for place, count in enumerate(counts)}, LEAST)
    largest = min((count for count in shown.values() if count), default=None)
    others = sum(count is None for count in shown.values()) - 1
    if others < 0 or largest is None:
        return
    rest = sum(counts) - sum(count or 0 for count in shown.values())
    assert max(1, rest - others * largest) == 1
    assert min(largest, rest - others) >= LEAST - 1


def test_who_knows_the_rule_computes_no_small_count():
    least, most = 4, 22
    tables = defaultdict(list)
    for counts in product(range(most + 1), repeat=4):
        if sum(counts) <= most:
            shown = suppress_cells(dict(zip("abcd", counts, strict=True)), least)
            tables[sum(counts), tuple(shown.values())].append(counts)
    for (_, shown), fitting in tables.items():
        hidden = [place for place, count in enumerate(shown) if count is None]
        for place in hidden if any(shown) else ():
            possible = {counts[place] for counts in fitting}
            assert min(possible) >= least or max(possible) - min(possible) >= least - 2, (shown, possible)


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
    assert suppress_cells({"a": 5, "b": 40, "c": 12, "d": 15}) == {"a": None, "b": 40, "c": None, "d": None}
    cells = suppress_cells_in_parts([{"a": 5, "b": 40}, {"c": 12, "d": 15}])
    assert cells == {"a": None, "b": None, "c": None, "d": None}
    assert suppress_cells_in_parts([{"a": 10, "b": 0}, {"c": 12}]) == {"a": 10, "b": 0, "c": 12}

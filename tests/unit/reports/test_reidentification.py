"""Re-identification risk of a table of children, and how coarsening lowers it."""

from collections import Counter
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from mpi.reports.reidentification import find_rare_values, measure_risk, suggest_levels

YEARS = ["2010", "2010", "2010", "2011", "2011", "2012"]
SEXES = ["F", "F", "M", "F", "F", "M"]


def test_risk_counts_classes_of_equal_children():
    risk = measure_risk({"year": YEARS, "sex": SEXES}, required=2)
    assert (risk.children, risk.classes, risk.smallest, risk.uniques, risk.exposed) == (6, 4, 1, 2, 2)
    assert not risk.passes
    assert (risk.highest, risk.average) == (1.0, 4 / 6)
    assert find_rare_values({"year": YEARS, "sex": SEXES}, 2) == {"year": 1, "sex": 0}


def test_a_table_without_children_passes():
    assert measure_risk({"year": []}, required=10).passes


def test_a_suggestion_loses_no_detail_that_it_can_keep():
    levels = {"year": ("whole", "left_out"), "sex": ("whole", "left_out")}

    def read(variable, level):
        values = {"year": YEARS, "sex": SEXES}[variable]
        return values if level == "whole" else [""] * len(values)

    assert suggest_levels(read, levels, 2) == {"year": "left_out", "sex": "whole"}
    assert suggest_levels(read, levels, 7) is None


@settings(max_examples=60)
@given(
    st.lists(st.tuples(*(st.integers(0, 40) for _ in range(4))), min_size=1, max_size=120),
    st.integers(1, 12),
)
def test_a_suggestion_always_passes_and_no_step_back_does(rows, required):
    names = [f"v{place}" for place in range(4)]
    divisors = {"whole": 1, "tens": 10, "left_out": 1_000}
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))

    def read(variable, level):
        return [value // divisors[level] for value in columns[variable]]

    def smallest(levels):
        return min(Counter(zip(*(read(*each) for each in levels.items()), strict=True)).values())

    found = suggest_levels(read, dict.fromkeys(names, tuple(divisors)), required)
    if found is None:
        assert len(rows) < required
        return
    assert smallest(found) >= required
    order = list(divisors)
    for variable, level in product(names, order):
        if level == found[variable] and level != "whole":
            finer = found | {variable: order[order.index(level) - 1]}
            assert smallest(finer) < required

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.api.pages.rendering.figure_charts import SharedEstimate, draw_columns, draw_intervals


def test_an_interval_contains_its_estimate_on_the_axis():
    chart = draw_intervals([SharedEstimate("precision", 0.97, 0.91, 0.99, "of links")])
    [row] = chart.rows
    assert row.low < row.x < row.low + row.width
    assert row.text == "97.0 % (91.0–99.0)"
    assert [tick.text for tick in chart.ticks] == ["90 %", "92.5 %", "95 %", "97.5 %", "100 %"]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)).map(sorted), min_size=1))
def test_no_estimate_is_drawn_outside_the_axis(shares):
    chart = draw_intervals([SharedEstimate("", value, low, high, "") for low, value, high in shares])
    for row in chart.rows:
        assert 0 <= row.low <= row.x + 0.2
        assert row.x <= row.low + row.width + 0.2
        assert row.low + row.width <= 100.2


def test_nothing_is_drawn_without_figures():
    assert draw_intervals([]) is None
    assert draw_columns(("new",), []) is None
    assert draw_columns(("new",), [("2026-11-01", (0,))]) is None


def test_columns_grow_with_their_counts_and_the_table_says_the_same():
    days = [("2026-11-01", (4, 2)), ("2026-11-02", (0, 8)), ("2026-11-03", (1, 1))]
    chart = draw_columns(("new", "answered"), days)
    four, two, none, eight, *_ = chart.columns
    assert four.height == pytest.approx(2 * two.height, abs=0.2)
    assert eight.height == pytest.approx(2 * four.height, abs=0.2)
    assert none.height == 0
    assert four.y + four.height == pytest.approx(chart.base, abs=0.2)
    assert chart.rows == (("Nov 1, 2026", "4", "2"), ("Nov 2, 2026", "0", "8"), ("Nov 3, 2026", "1", "1"))
    assert [label.text for label in chart.labels] == ["Nov 1", "Nov 2", "Nov 3"]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_no_column_leaves_the_chart_and_the_axis_has_few_marks(counts):
    chart = draw_columns(("new",), [(f"2026-01-{n % 28 + 1:02}", (count,)) for n, count in enumerate(counts)])
    if chart is None:
        assert not any(counts)
        return
    assert len(chart.ticks) <= 6
    assert len(chart.labels) <= 5
    for column in chart.columns:
        assert chart.left <= column.x
        assert column.x + column.width <= chart.width
        assert column.y >= 0

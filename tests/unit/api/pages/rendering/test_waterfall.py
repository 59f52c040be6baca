import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.api.pages.rendering.waterfall import WIDTH, draw_waterfall
from mpi.domain.weight import Thresholds

THRESHOLDS = Thresholds(link=4.0, review=-0.5, margin=3.0)
PARTS = [("prior", "", -10.0), ("name", "equal", 15.0), ("sex", "missing", 0.0), ("ssn", "different", -2.0)]


def test_each_bar_begins_where_the_running_sum_of_those_before_ends():
    chart = draw_waterfall(PARTS, THRESHOLDS)
    prior, name, _, ssn = chart.bars
    assert [bar.running_sum for bar in chart.bars] == [-10.0, 5.0, 5.0, 3.0]
    assert prior.x + prior.width == pytest.approx(chart.zero, abs=0.2)
    assert name.x == prior.end
    assert ssn.x + ssn.width == pytest.approx(name.end, abs=0.2)
    assert [bar.sense for bar in chart.bars] == ["against", "for", "nothing", "against"]
    assert name.width == pytest.approx(1.5 * prior.width, abs=0.2)


def test_the_total_spans_from_zero_to_the_last_sum():
    chart = draw_waterfall(PARTS, THRESHOLDS)
    assert chart.total == 3.0
    assert (chart.total_x, chart.total_x + chart.total_width) == pytest.approx(
        (chart.zero, chart.bars[-1].end), abs=0.2
    )


def test_the_lines_of_the_thresholds_stand_at_their_weights():
    review, link = draw_waterfall(PARTS, THRESHOLDS).thresholds
    chart = draw_waterfall([("to link", "", 4.0), ("on", "", 11.0), ("back", "", -25.0)], THRESHOLDS)
    assert (review.name, link.name) == ("review", "link")
    assert chart.bars[0].end == chart.thresholds[1].x
    assert review.x < link.x


def test_equal_thresholds_are_one_line():
    lines = draw_waterfall(PARTS, Thresholds(link=4.0, review=4.0, margin=3.0)).thresholds
    assert [line.name for line in lines] == ["link"]


@given(
    st.lists(st.floats(-60, 60), max_size=12), st.floats(3.5, 40), st.floats(0, 60),
)  # fmt: skip
def test_nothing_is_drawn_outside_and_no_label_hides_another(weights, link, gap):
    thresholds = Thresholds(link=link, review=link - gap, margin=3.0)
    chart = draw_waterfall([("name", "", bits) for bits in weights], thresholds)
    for x, width in [(bar.x, bar.width) for bar in chart.bars] + [(chart.total_x, chart.total_width)]:
        assert x >= 0
        assert x + width <= WIDTH
    sides = {(line.anchor, line.row) for line in chart.thresholds}
    assert len(sides) == len(chart.thresholds)
    assert all(0 < line.x < WIDTH for line in chart.thresholds)

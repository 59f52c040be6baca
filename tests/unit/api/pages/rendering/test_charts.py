from mpi.api.pages.rendering.charts import Point, draw_arcs, draw_lines
from mpi.domain.record_ref import RecordRef


def test_a_cluster_is_drawn_the_same_for_any_record_order():
    a, b, c = RecordRef("ccwis", "1"), RecordRef("sis", "2"), RecordRef("sis", "3")
    pairs = [(a, b, 12.0), (b, c, 3.0)]
    assert draw_arcs([a, b, c], pairs) == draw_arcs([c, a, b], pairs)
    tones = {node.local_id: node.tone for node in draw_arcs([a, b, c], pairs).nodes}
    assert tones["2"] == tones["3"] != tones["1"]


def test_a_cluster_too_large_to_read_is_not_drawn():
    assert draw_arcs([RecordRef("sis", str(n)) for n in range(25)], []) is None


def test_a_line_shows_its_interval_as_a_band_and_the_figures_as_rows():
    points = [Point("2026-09", 0.97, 0.95, 0.99), Point("2026-10", 0.98, 0.96, 0.99)]
    chart = draw_lines([("precision", points), ("recall", points[:1])], percent=True)
    precision, recall = chart.lines
    assert precision.band
    assert not recall.band
    assert chart.rows == (
        ("Sep 2026", "97.0 % (95.0–99.0)", "97.0 % (95.0–99.0)"),
        ("Oct 2026", "98.0 % (96.0–99.0)", "–"),
    )
    assert precision.dots[0].y > precision.dots[1].y


def test_nothing_is_drawn_without_figures():
    assert draw_lines([("precision", [])], percent=True) is None

"""Splink's charts in a real Chromium: each is drawn, and none asks for anything."""

import pytest

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import make_operator
from mpi.service.diagnostics.splink_charts import ChartRequest, make_splink_charts

DRAWN = {
    "match-weights": "canvas, svg",
    "parameters": "canvas, svg",
    "waterfall": "canvas, svg",
    "unlinkables": "canvas, svg",
    "comparison-viewer": "#observablehq-comparison_vector_distribution_chart :is(canvas, svg)",
    "cluster-studio": "#observablehq-force-directed-chart :is(canvas, svg)",
}
"""Selector of what each chart draws."""
PAIR = (RecordRef("sis", "pair-1"), RecordRef("ccwis", "pair-2"))


@pytest.mark.slow
def test_each_chart_is_drawn_without_a_request(chromium, shown_desk, tmp_path):
    index = shown_desk.index
    charts = make_splink_charts(index, make_operator(), ChartRequest(pair=PAIR), index.home)
    assert charts.pages.keys() == DRAWN.keys()
    for name, selector in DRAWN.items():
        (tmp_path / f"{name}.html").write_text(charts.pages[name], encoding="utf-8")
        page = chromium.new_page()
        asked, problems = [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("pageerror", lambda error, problems=problems: problems.append(str(error)))
        page.goto(f"file://{tmp_path / name}.html")
        page.locator(selector).first.wait_for(timeout=20_000)
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == [], name
        assert problems == [], name
        page.close()

"""Quality figures, blind pairs and practice pairs over HTTP, with their permissions."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from mpi.service.quality.publication import publish_figures
from tests.desk import load_doubtful_pairs
from tests.index import OPERATOR, load_rows, many_children, open_test_index
from tests.unit.api.live import add_key, calling, problem


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("quality"), "D01", "CCWIS") as index:
        for source in ("D01", "CCWIS"):
            load_rows(index, source, *many_children(12))
        yield index


@pytest.fixture(scope="module")
def call(desk):
    with calling(create_app(desk), add_key(desk, "all")) as client:
        yield client


def bearer_header(key):
    return {"Authorization": f"Bearer {key}"}


def test_a_blind_pair_is_drawn_judged_and_counted(call):
    draw = call.post("/v1/blind-pairs:draw", json={"size": 9}).json()
    assert (draw["new"], draw["strata"][0]["drawn"]) == (True, 9)
    pair = call.get("/v1/blind-pairs/next").json()["pair"]
    assert set(pair) == {"id", "records", "left"}
    assert set(pair["records"][0]) == {"label", "as_of", "values"}
    answer = call.post(f"/v1/blind-pairs/{pair['id']}:answer", json={"verdict": "same"})
    assert (answer.json()["linked"], answer.json()["claim"]) == (True, None)
    problem(call.post(f"/v1/blind-pairs/{pair['id']}:answer", json={"verdict": "same"}), 409, "conflict")
    figures = call.get("/v1/quality").json()
    assert figures["live"][0]["precision"]["value"] == 1.0
    assert figures["links"]["automatic"] == 12
    assert call.get("/v1/quality/forecast").json()["minutes_measured"] is False


def test_a_practice_pair_is_judged_and_its_reason_shown(call):
    pair = call.get("/v1/practice-pairs/next").json()
    result = call.post(f"/v1/practice-pairs/{pair['id']}:answer", json={"verdict": "same"}).json()
    assert result["right"] == (result["truth"] == "same")
    assert result["why"].startswith(("Same child", "Different children"))
    problem(call.post("/v1/practice-pairs/9999:answer", json={"verdict": "same"}), 404, "not-found")


def test_an_invalid_body_is_refused(call):
    problem(call.post("/v1/blind-pairs:draw", json={"size": True}), 400, "invalid-input")
    problem(call.post("/v1/blind-pairs:draw", json={"month": "2020-01"}), 400, "invalid-input")
    problem(call.post("/v1/practice-pairs/1:answer", json={"verdict": "maybe"}), 400, "invalid-input")
    problem(call.post("/v1/practice-pairs/1:answer", json={}), 400, "invalid-input")
    problem(call.get("/v1/quality?month=1"), 400, "invalid-parameter")


def test_a_client_of_certain_sources_gets_no_figures_and_no_pairs_of_others(desk, call):
    call.post("/v1/blind-pairs:draw", json={"size": 9})
    district_header = bearer_header(add_key(desk, "district", sources={"D01"}))
    for path in ("/v1/quality", "/v1/quality/forecast"):
        problem(call.get(path, headers=district_header), 403, "access-denied")
    problem(call.post("/v1/blind-pairs:draw", json={}, headers=district_header), 403, "access-denied")
    assert call.get("/v1/blind-pairs/next", headers=district_header).json() == {"pair": None}


def test_a_reader_of_figures_judges_nothing_and_sees_no_small_count(desk, call):
    reader_header = bearer_header(add_key(desk, "reader", actions={Action.QUALITY_READ}))
    assert call.get("/v1/quality", headers=reader_header).json()["suppressed"] is True
    for path in ("/v1/blind-pairs/next", "/v1/practice-pairs/next"):
        problem(call.get(path, headers=reader_header), 403, "access-denied")
    for path in ("/v1/blind-pairs/1:answer", "/v1/practice-pairs/1:answer"):
        problem(call.post(path, json={"verdict": "same"}, headers=reader_header), 403, "access-denied")


def test_an_operator_reads_figures_of_the_day_before(tmp_path, manual_clock):
    # The noise follows from the secret and the day.
    manual_clock.now = datetime(2026, 11, 2, 9, tzinfo=UTC)
    with open_test_index(tmp_path, "sis", "ccwis", secret="5" * 64) as index:
        load_doubtful_pairs(index, 3)
        key = add_key(index, "reader", actions={Action.QUALITY_READ})
        first = read_as_operator(index, key)
        publish_figures(index, OPERATOR)
        manual_clock.now += timedelta(days=1)
        second = read_as_operator(index, key)
        with calling(create_app(index, open_pages=True), None) as client:
            steward_page = client.get("/quality", headers={"Cookie": "mpi-acting-as=steward"})
    assert first.quality["publication"] is None
    assert (
        first.forecast["says"] == f"The first figures are published on {first.quality['next_publication']}."
    )
    assert "The first figures are published on" in first.page
    assert second.quality["publication"]["as_of"] == str(manual_clock.now.date() - timedelta(days=1))
    assert second.forecast["says"].startswith("Fewer than 100 questions wait.")
    assert second.forecast["says"] in second.page
    assert '<b><span class="soft">few</span></b><span>Hours of work waiting</span>' in second.page
    assert "Closed automatically" not in second.page
    assert "3 questions wait" in steward_page.text
    assert "Closed automatically" in steward_page.text


class OperatorView(NamedTuple):
    """Everything about quality that an operator reads."""

    quality: dict
    forecast: dict
    page: str


def read_as_operator(index, key):
    """Read the figures as a client and the page as an operator."""
    with calling(create_app(index), key) as client:
        quality, forecast = (client.get(f"/v1/quality{path}").json() for path in ("", "/forecast"))
    with calling(create_app(index, open_pages=True), None) as client:
        page = client.get("/quality", headers={"Cookie": "mpi-acting-as=operator"}).text
    return OperatorView(quality, forecast, page)

"""Whether an index's records are like those of its model, for readers of figures."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.api.app import create_app
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Viewer
from mpi.matching.model.data_profile import DataProfile, ProfileDifference
from mpi.service.quality.dashboard import measure_quality, read_quality
from mpi.service.quality.model_fit import Verdict, read_public_model_fit
from mpi.service.quality.publication import publish_figures
from tests.index import OPERATOR, load_rows, many_children, open_test_index, with_settings
from tests.unit.api.live import calling

READER = Viewer("ops", "system_admin", ACTIONS_BY_ROLE[Role.OPERATOR], None)
UNLIKE = DataProfile({"given": 1.0, "guardians": 0.95})
ALIKE = DataProfile({"given": 1.0, "guardians": 0.0})


def with_model(index, **changes):
    """Return the index with another description of its model."""
    model = replace(index.matcher.model, **changes)
    return replace(index, matcher=replace(index.matcher, model=model))


@pytest.fixture
def index(tmp_path, manual_clock):
    manual_clock.now = datetime(2026, 11, 2, 9, tzinfo=UTC)
    with open_test_index(tmp_path / "home", "sis", secret="5" * 64) as opened:
        load_rows(opened, "sis", *many_children(300))
        yield with_model(with_settings(opened, publication_rules=PublicationRules(base=5)), fitted_on=UNLIKE)


@pytest.fixture
def publish(manual_clock):
    """Publish an index's figures, and move the clock to the day when they are shown."""

    def run(index):
        publish_figures(index, OPERATOR)
        manual_clock.now += timedelta(days=1)

    return run


def test_before_the_first_measurement_nothing_is_known(index):
    for viewer in (READER, OPERATOR):
        fit = read_quality(index, viewer).model_fit
        assert (fit.verdict, fit.outgrown, fit.differences) == (Verdict.UNKNOWN, False, ())


def test_records_unlike_those_of_the_model_are_told_on_the_next_day(index, publish):
    publish(index)
    published = read_quality(index, READER).model_fit
    assert (published.verdict, published.differences) == (Verdict.UNLIKE, ())
    assert published == read_public_model_fit(index)


def test_readers_of_every_record_are_told_the_same_day_what_differs(index):
    publish_figures(index, OPERATOR)
    difference = ProfileDifference("guardians", "filled", 0.95, 0.0)
    for figures in (read_quality(index, OPERATOR), measure_quality(index, OPERATOR)):
        assert figures.model_fit.differences == (difference,)
    assert read_quality(index, READER).model_fit.verdict == Verdict.UNKNOWN


def test_records_like_those_of_the_model_are_alike_for_everybody(index, publish):
    alike = with_model(index, fitted_on=ALIKE)
    publish(alike)
    assert read_quality(alike, READER).model_fit.verdict == Verdict.ALIKE
    assert read_quality(alike, OPERATOR).model_fit.verdict == Verdict.ALIKE


def test_no_exact_count_of_the_comparison_is_stored(index):
    publish_figures(index, OPERATOR)
    with index.database.read(OPERATOR) as unit:
        content = json.loads(unit.published_reports.latest("model_fit", "9999-12-31").content)
    (count,) = content["counts"].values()
    assert count % 5 == 0
    assert content["details"]["differences"] == [
        {"column": "guardians", "what": "filled", "fitted": 0.95, "observed": 0.0}
    ]


def test_a_verdict_on_another_model_does_not_count(index, publish):
    publish(index)
    other = with_model(index, version="other")
    for viewer in (READER, OPERATOR):
        assert read_quality(other, viewer).model_fit.verdict == Verdict.UNKNOWN


def test_few_records_get_no_verdict(tmp_path, manual_clock, publish):
    with open_test_index(tmp_path / "few", "sis") as opened:
        load_rows(opened, "sis", *many_children(49))
        few = with_model(opened, fitted_on=UNLIKE)
        publish(few)
        for viewer in (READER, OPERATOR):
            assert read_quality(few, viewer).model_fit.verdict == Verdict.UNKNOWN


def test_an_index_that_outgrew_its_model_is_told_by_a_published_count(index, publish):
    outgrown = with_model(index, index_size=100)
    assert not read_public_model_fit(outgrown).outgrown
    publish(outgrown)
    assert read_public_model_fit(outgrown).outgrown
    assert not read_public_model_fit(with_model(index, index_size=300)).outgrown


def test_readiness_and_page_tell_it_without_a_number_of_records(index, publish):
    publish(index)
    with calling(create_app(index, open_pages=True), None) as client:
        readiness = client.get("/readyz").json()
        pages = {
            role: client.get("/quality", headers={"Cookie": f"mpi-acting-as={role}"}).text
            for role in ("operator", "steward")
        }
    name = index.matcher.model.ref
    assert readiness == {
        "status": "ready",
        "model": {"name": name, "records": "unlike", "outgrown": False},
    }
    sentence = f"The records here are unlike those that the match model {name} was made from."
    assert all(sentence in page for page in pages.values())
    share = "Caregiver: known in 0 % of the records here, and in 95 % of those that the model was made from"
    assert share in pages["steward"]
    assert share not in pages["operator"]

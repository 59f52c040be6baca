"""Tests of a published model's revision: new cautions, the same weights."""

import tomllib

import pytest

from mpi.matching.model.match_model import find_model_folder, load_model
from tests.models import tiny_model
from training.fit.errors import TrainingError
from training.fit.limits.cautions import CAUTIONS
from training.publish.checks import publish_model
from training.publish.revision import revise_model

CHILDREN = find_model_folder("children/5")
STAYS = ("name", "index_size", "thresholds", "statistical", "blocking", "refinements", "tail_frequency")


def read_head(folder):
    return tomllib.loads((folder / "model.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def revised(tmp_path_factory):
    return revise_model(CHILDREN, "77", tmp_path_factory.mktemp("revised") / "model")


def test_a_revision_has_the_cautions_of_the_program_and_nothing_else_new(revised):
    before, after = read_head(CHILDREN), read_head(revised)
    assert {name: before[name] for name in STAYS} == {name: after[name] for name in STAYS}
    assert after["cautions"]["when"] == CAUTIONS
    assert after["cautions"]["bits"] == before["cautions"]["bits"]
    assert load_model(revised).ref == "children/77"
    assert (revised / "settings.json").read_bytes() == (CHILDREN / "settings.json").read_bytes()


def test_the_card_names_what_was_revised_and_shows_no_result_of_the_earlier_model(revised):
    card = (revised / "card.md").read_text("utf-8")
    assert card.startswith("# Model children/77\n\nRevised by `python -m training revise`")
    assert "those of children/5, fitted on standardizer 4" in card
    assert "## Measured" not in card


def test_a_revision_is_published_with_the_figures_of_its_weights(revised, tmp_path):
    published = publish_model(revised, tmp_path / "models")
    assert sorted(path.name for path in (published / "plots").iterdir()) == [
        "blocking-expected.svg",
        "m-and-u.svg",
        "match-weights.svg",
    ]


def test_the_shipped_model_is_the_revision_that_the_program_makes(tmp_path):
    made = revise_model(CHILDREN, "7", tmp_path / "made")
    shipped = find_model_folder("children/7")
    assert read_head(shipped) == read_head(made)
    assert (made / "settings.json").read_bytes() == (shipped / "settings.json").read_bytes()
    assert (made / "frequencies.csv").read_bytes() == (shipped / "frequencies.csv").read_bytes()


def test_a_folder_that_exists_is_not_written_over(revised):
    with pytest.raises(TrainingError, match="exists already"):
        revise_model(CHILDREN, "78", revised)


def test_a_model_without_cautions_is_refused_by_name(tmp_path):
    with pytest.raises(TrainingError, match=r"tiny/1: its model\.toml has no table of cautions"):
        revise_model(tiny_model(tmp_path / "tiny"), "2", tmp_path / "made")
    assert not (tmp_path / "made").exists()

"""Tests of a model's figures."""

import json
import re
import sys
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from mpi.matching.model.match_model import MODEL_FILES, find_model_folder, load_model
from tests.models import tiny_model
from tests.unit.training.publish.test_publish import make_estimate, make_evaluation_of
from training.__main__ import build_app
from training.blocking import rank_rules_by_contribution
from training.fit.comparisons import list_fixed_levels
from training.fit.model_writer import format_checksums_toml
from training.plots.canvas import PlotsMissingError
from training.plots.figures import draw_evaluation, draw_model
from training.publish.checks import publish_model

RULES = tuple(
    rank_rules_by_contribution(("names", "birth", "none"), {0b01: 40, 0b11: 30}, {0b01: 1.5, 0b11: 28.0})
)


def make_evaluation(folder):
    """Return an evaluation with the values that its figures need."""
    evaluation = make_evaluation_of(folder)
    evaluation["sets"]["sim"]["blocking"] = {
        "rules": [
            {
                "name": "names",
                "pairs": 70,
                "alone": 1,
                "pairs_so_far": 70,
                "recall_so_far": make_estimate(0.98),
            },
            {
                "name": "birth",
                "pairs": 30,
                "alone": 0,
                "pairs_so_far": 70,
                "recall_so_far": make_estimate(0.98),
            },
            {"name": "ssn", "pairs": 0, "alone": 0, "pairs_so_far": 70, "recall_so_far": make_estimate(0.98)},
        ]
    }
    return evaluation


def read_texts(path):
    elements = ET.parse(path).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - a file that this test wrote
    return {"".join(element.itertext()).strip() for element in elements}


def test_rules_are_ranked_by_added_matches_and_totals_accumulate():
    first, second, third = RULES
    assert (first.name, first.pairs, first.unique_matches, first.matches_so_far) == ("names", 70, 1.5, 29.5)
    assert (second.name, second.pairs, second.unique_matches) == ("birth", 30, 0)
    assert (third.name, third.pairs, third.pairs_so_far, third.matches_so_far) == ("none", 0, 70, 29.5)


@pytest.mark.slow
def test_model_figures_show_every_comparison_and_level_weight(tmp_path):
    model = load_model(find_model_folder())
    weights, rates, rules = draw_model(tmp_path, model.settings, list_fixed_levels(), RULES)
    assert {path.name for path in (weights, rates, rules)} == {
        "match-weights.svg", "m-and-u.svg", "blocking-expected.svg",
    }  # fmt: skip
    comparisons = {comparison["output_column_name"] for comparison in model.settings["comparisons"]}
    assert comparisons | {"+18.5", "exchanged with the surname, misspelled"} <= read_texts(weights)
    assert {"given", "birth_place"} <= read_texts(rates)
    assert "family" not in read_texts(rates), "its levels are stated, not learned"
    assert {"names", "birth", "1.0000"} <= read_texts(rules)


@pytest.mark.slow
def test_figures_are_reproducible_undated_and_small(tmp_path):
    model = load_model(find_model_folder())
    evaluation = make_evaluation(tiny_model(tmp_path / "tiny"))
    paths = []
    for name in ("one", "two"):
        folder = tmp_path / name
        paths.append([
            *draw_model(folder, model.settings, list_fixed_levels(), RULES),
            *draw_evaluation(folder, evaluation),
        ])  # fmt: skip
    assert [path.read_bytes() for path in paths[0]] == [path.read_bytes() for path in paths[1]]
    for path in paths[0]:
        text = path.read_text()
        assert len(text) < 150_000
        assert not re.search(r"<dc:date>|20[0-9]{2}-[01][0-9]-", text)


def test_evaluation_figures_show_each_set(tmp_path):
    calibration, recall = draw_evaluation(tmp_path, make_evaluation(tiny_model(tmp_path / "tiny")))
    assert {"claimed", "observed, 95 %"} <= read_texts(calibration)
    assert any(text.startswith("sim") for text in read_texts(calibration))
    assert {"names", "birth", "0.9800", "sim: recall so far"} <= read_texts(recall)
    assert "ssn" not in read_texts(recall), "a rule that brings no pair"


def test_drawing_without_matplotlib_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    with pytest.raises(PlotsMissingError, match="install the extra `plots`"):
        draw_evaluation(tmp_path, make_evaluation(tiny_model(tmp_path / "tiny")))
    assert not (tmp_path / "plots").exists()


def test_figures_do_not_change_the_model_digest(tmp_path):
    folder = tiny_model(tmp_path / "tiny")
    digest = load_model(folder).digest
    arguments = ["plots", str(folder)]
    result = CliRunner().invoke(build_app(arguments), arguments)
    assert result.exit_code == 0, result.output
    assert (folder / "plots" / "match-weights.svg").exists()
    assert load_model(folder).digest == digest
    assert not [name for name in MODEL_FILES if "plots" in name]


def test_publishing_copies_figures_and_draws_the_evaluation(tmp_path, monkeypatch):
    folder = tiny_model(tmp_path / "tiny")
    head = (folder / "model.toml").read_text()
    (folder / "metrics.json").write_text(json.dumps({"records": 10_000, "threshold_gaps": {}}))
    (folder / "model.toml").write_text(head[: head.index("[sha256]")] + format_checksums_toml(folder))
    draw_model(folder, load_model(folder).settings, list_fixed_levels(), RULES)
    file = tmp_path / "evaluation.json"
    file.write_text(json.dumps(make_evaluation(folder)))
    published = publish_model(folder, tmp_path / "models", file)
    assert {path.stem for path in (published / "plots").iterdir()} == {
        "match-weights", "m-and-u", "blocking-expected", "calibration", "blocking-recall",
    }  # fmt: skip
    card = (published / "card.md").read_text()
    for target in re.findall(r"\]\(([^)]+svg)\)", card.partition("## Measured")[2]):
        assert (published / target).exists()
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    without = publish_model(folder, tmp_path / "others", file)
    assert "calibration.svg" not in (without / "card.md").read_text()
    assert load_model(without).ref == "tiny/1"


def test_shipped_model_has_figures_and_an_unchanged_digest():
    folder = find_model_folder()
    assert {path.stem for path in (folder / "plots").iterdir()} >= {
        "match-weights", "m-and-u", "blocking-expected",
    }  # fmt: skip
    assert load_model(folder).digest.startswith("2b0491e6b7a5")

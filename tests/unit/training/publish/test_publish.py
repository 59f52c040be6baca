"""Tests of published cards with evaluation results."""

import hashlib
import json

import pytest

from mpi.matching.model.match_model import load_model
from tests.models import tiny_model
from training.fit.errors import TrainingError
from training.publish.checks import publish_model


def make_estimate(value):
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def make_evaluation_of(folder):
    return {
        "digest": load_model(folder).digest,
        "must_show": [
            {"what": "o sim F1", "splink": None, "measured": 0.9912, "reach": "at least 0.988", "kept": True},
            {"what": "s sim F1", "splink": 0.97, "measured": 0.98, "reach": "at least 0.99", "kept": False},
        ],
        "bias_past_gap": ["sim: foster care adopted: missed 17.5% against 2.6% of all children"],
        "sets": {
            "sim": {
                "groups": [
                    {
                        "dimension": "sex",
                        "group": "female",
                        "children": 1200,
                        **{rate: make_estimate(0.02) for rate in ("missed", "false", "reviewed")},
                    }
                ],
                "buckets": [{"low": 5.0, "pairs": 10, "expected": 0.98, "observed": make_estimate(0.97)}],
                "false_links": {"expected": 40.0, "observed": make_estimate(9.6)},
            }
        },
    }


@pytest.fixture
def folder(tmp_path):
    model_folder = tiny_model(tmp_path / "made")
    metrics = {"records": 10_000, "threshold_gaps": {"link": 0.1}}
    (model_folder / "metrics.json").write_text(json.dumps(metrics))
    head = (model_folder / "model.toml").read_text()
    old_digest, new_digest = (
        hashlib.sha256(text).hexdigest() for text in (b"{}\n", json.dumps(metrics).encode())
    )
    (model_folder / "model.toml").write_text(head.replace(old_digest, new_digest))
    return model_folder


def test_card_shows_acceptance_groups_and_calibration(folder, tmp_path):
    file = tmp_path / "evaluation.json"
    file.write_text(json.dumps(make_evaluation_of(folder)))
    published = publish_model(folder, tmp_path / "models", file)
    card = (published / "card.md").read_text()
    assert card.startswith((folder / "card.md").read_text())
    assert "| s sim F1 | 0.9700 | 0.9800 | at least 0.99 | **no** |" in card
    assert "| sex | female | 1,200 |" in card
    assert "Past the gap: sim: foster care adopted" in card
    assert "observed 9.6" in card
    assert load_model(published).ref == "tiny/1", "the checksums are those of the new card"


def test_evaluation_of_another_model_is_refused(folder, tmp_path):
    file = tmp_path / "evaluation.json"
    file.write_text(json.dumps({**make_evaluation_of(folder), "digest": "another"}))
    with pytest.raises(TrainingError, match="another model"):
        publish_model(folder, tmp_path / "models", file)
    assert not (tmp_path / "models").exists()


def test_invalid_evaluation_file_is_named(folder, tmp_path):
    file = tmp_path / "evaluation.json"
    file.write_text("no JSON")
    with pytest.raises(TrainingError, match=r"evaluation\.json"):
        publish_model(folder, tmp_path / "models", file)

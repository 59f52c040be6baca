"""Tests of simulated states that are read from disk."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.models import tiny_model
from training.__main__ import build_app
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.datasets.saved_state import is_saved_state, load_saved_state
from training.evaluate.datasets.simulated_state import to_dataset
from training.fit.errors import TrainingError
from training.simulate.files.feed_files import FeedPlan, save_feeds
from training.simulate.files.output import save_population, save_populations
from training.simulate.files.tables import FileFormat, read_table
from training.simulate.people.names import build_faker_names
from training.simulate.rates import load_rates
from training.simulate.simulation import Population, simulate
from training.simulate.sources.rosters import SourceSystem

RECORDS = 1_000


@pytest.fixture(scope="module")
def population() -> Population:
    return simulate(records=RECORDS, seed=4)


@pytest.fixture(scope="module")
def simulated(population: Population) -> Dataset:
    return to_dataset("state", population)


@pytest.fixture(scope="module")
def folder(population: Population, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("saved") / "state"
    save_population(population, out)
    return out


def test_saved_state_equals_the_simulated_state(folder: Path, simulated: Dataset) -> None:
    loaded = load_saved_state(folder)
    assert loaded.name == "state"
    assert list(loaded.records) == simulated.records
    assert (loaded.truth, loaded.tags, loaded.households, loaded.care) == (
        simulated.truth, simulated.tags, simulated.households, simulated.care,
    )  # fmt: skip
    assert loaded.groups.keys() == simulated.groups.keys()
    for dimension in ("surnames", "SSN", "foster care"):
        assert loaded.groups[dimension] == simulated.groups[dimension]
    loaded_groups, simulated_groups = (
        loaded.groups["race or ethnicity"],
        simulated.groups["race or ethnicity"],
    )
    assert sum(
        simulated_groups[person] in (group, "African-born") for person, group in loaded_groups.items()
    ) > 0.95 * len(loaded_groups)


def test_never_compared_record_is_left_out_of_the_truth(simulated: Dataset, folder: Path) -> None:
    assert any("sealed" in tags for tags in simulated.tags.values())
    for dataset in (simulated, load_saved_state(folder)):
        assert dataset.care is not None
        assert set(dataset.truth) == set(dataset.features) >= dataset.care.records | dataset.care.schools


def test_parquet_and_csv_give_the_same_dataset(population: Population, folder: Path, tmp_path: Path) -> None:
    save_populations([population], tmp_path / "state", FileFormat.PARQUET)
    assert load_saved_state(tmp_path / "state") == load_saved_state(folder)


def test_weekly_feeds_give_records_as_of_the_last_week(tmp_path: Path) -> None:
    book = build_faker_names(0.5, 0.6)
    save_feeds(
        FeedPlan(seed=3, children=500, weeks=6, book=book, rates=load_rates()),
        tmp_path,
        lambda _step, _done, _total: None,
    )
    loaded = load_saved_state(tmp_path)
    truth = list(read_table(tmp_path / "truth.csv"))
    sealing = {"sealed", "expunged"}
    compared = [row for row in truth if not sealing & set(row["tags"].split("|"))]
    current = [row for row in compared if row["last_week"] == "6"]
    withdrawn = [row for row in truth if row["last_week"] != "6" and row["source"] == SourceSystem.NORTH]
    assert withdrawn
    assert set(loaded.truth.values()) >= {row["person_id"] for row in current}
    assert len(current) <= len(loaded.truth) < len(truth)


def test_only_a_folder_with_a_truth_file_is_a_saved_state(folder: Path, tmp_path: Path) -> None:
    assert is_saved_state(folder)
    assert not is_saved_state(tmp_path)
    assert not is_saved_state(folder / "truth.csv")


def test_incomplete_saved_state_is_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = (folder / "truth.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "truth.csv").write_text("\n".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(TrainingError, match="lacks a record"):
        load_saved_state(tmp_path)
    (tmp_path / "truth.csv").write_text("who\nP1\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="person_id"):
        load_saved_state(tmp_path)
    (tmp_path / "ccwis.csv").unlink()
    with pytest.raises(TrainingError, match=r"no ccwis\.csv"):
        load_saved_state(tmp_path)


@pytest.mark.slow
def test_evaluate_command_accepts_a_saved_state(folder: Path, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny")
    arguments = ["evaluate", "--data", str(folder), "--model", str(model), "--json"]
    result = CliRunner().invoke(build_app(arguments), arguments)
    evaluation = json.loads(result.stdout)["sets"]["state"]
    assert evaluation["records"] > 0.9 * RECORDS
    assert [line["schools"] is not None for line in evaluation["lines"]] == [True] * len(evaluation["lines"])

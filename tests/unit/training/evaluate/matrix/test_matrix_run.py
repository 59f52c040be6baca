"""Tests of a run of the matrix: the notebook, the fitted model and the files."""

import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from mpi.matching.scoring.splink_engine import WEIGHT_SCHEMA
from training.__main__ import build_app
from training.evaluate.baseline import build_notebook_table, connect_pairs, score_with_splink
from training.evaluate.datasets.canonical_set import CanonicalSet
from training.evaluate.matrix.cells import Cell
from training.evaluate.matrix.measurement import compare_f1, count_indistinguishable_pairs, measure_cell
from training.evaluate.matrix.notebook import run_notebook
from training.evaluate.matrix.run import MatrixOptions, read_results, run_matrix

CELL = Cell("small", "full")


def make_published_rows(people=150, seed=3):
    """Return rows of two sources; one in five second records has a misspelling."""
    choice = random.Random(seed)
    rows = []
    for person in range(people):
        first = "".join(choice.choices("abcdefghijklmnop", k=6))
        last = "".join(choice.choices("abcdefghijklmnop", k=7))
        number = str(choice.randint(10**6, 10**7 - 1))
        born = f"{choice.randint(1930, 1990)}{choice.randint(1, 12):02}{choice.randint(1, 28):02}"
        row = {
            "true_id": str(person), "given_name": first, "surname": last, "date_of_birth": born,
            "street_number": str(person), "address_1": f"{last} street", "address_2": None, "suburb": "perth",
            "state": "wa", "postcode": f"{4000 + person % 40}", "soc_sec_id": number,
            "source": "a",
        }  # fmt: skip
        wrong = {"given_name": first[1:]} if person % 5 == 0 else {}
        rows += [row, {**row, **wrong, "source": "b"}]
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a data folder with one small development set."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "eval").mkdir()
    pq.write_table(pa.Table.from_pylist(make_published_rows()), folder / "eval" / "febrl4.parquet")
    return folder


def run_command(*arguments):
    arguments = ["evaluate", "--suite", "matrix", *map(str, arguments)]
    result = CliRunner().invoke(build_app(arguments), arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def first_run(folder):
    """Return the output of a run of one cell that keeps its files."""
    cell = ("--data", folder, "--only", "febrl4/names_date_sex_number")
    files = ("--results", folder / "r.json", "--cache", folder / "cache", "--cell-files", folder / "cells")
    return run_command(*cell, *files)


@pytest.mark.slow
def test_run_prints_and_writes_each_cell(folder, first_run):
    line = next(line for line in first_run.splitlines() if line.startswith("febrl4/"))
    assert line.split()[:3] == ["febrl4/names_date_sex_number", "300", "150"]
    assert "of 1 cells reach the bar" in first_run
    assert json.loads((folder / "r.json").read_text())["febrl4/names_date_sex_number"]["research"]["f1"] > 0.9
    assert (folder / "r.md").read_text().count("\n") == 3
    assert (folder / "cells" / "febrl4-names_date_sex_number" / "truth.csv").exists()
    assert len(list((folder / "cache").iterdir())) == 1


@pytest.mark.slow
def test_run_goes_on_where_it_stopped(folder, first_run):
    results = json.loads((folder / "r.json").read_text())
    results["febrl4/names_date_sex_number"]["records"] = 12_345
    resumed = folder / "resumed.json"
    resumed.write_text(json.dumps(results))
    output = run_command(
        "--data", folder, "--only", "febrl4/names_date_sex_number", "--results", resumed, "--json"
    )
    [cell] = json.loads(output)["cells"]
    assert cell["records"] == 12_345, "a cell of the file is not measured again"
    assert cell["verdict"]["cell"] == "febrl4/names_date_sex_number"


def test_two_runs_add_to_one_results_file(tmp_path):
    results = tmp_path / "r.json"
    sets = {name: make_small_set([("Ana", "Diaz", n // 2) for n in range(20)]) for name in ("x", "y")}
    reports = []

    def run_other(measurement):
        """Measure the second cell while the first run still goes on."""
        reports.append(measurement["cell"])
        run_matrix([(Cell("y", "full"), sets["y"])], MatrixOptions(results=results), lambda _cell: None)

    cells = [(Cell("x", subset), sets["x"]) for subset in ("full", "names_year")]
    run_matrix(cells, MatrixOptions(results=results), run_other)
    assert reports == ["x/full", "x/names_year"]
    assert read_results(results).keys() == {"x/full", "x/names_year", "y/full"}


def make_small_set(rows):
    columns = {
        name: pa.array([row[position] for row in rows], pa.string())
        for position, name in enumerate(("first_name", "last_name"))
    }
    table = pa.table({"source": ["a"] * len(rows), **columns})
    return CanonicalSet("small", table, np.array([row[2] for row in rows]))


def test_set_that_no_model_fits_is_reported_with_every_record_alone():
    data = make_small_set([("Ana", None, n // 2) for n in range(20)])
    measurement = measure_cell(CELL, data, None)
    assert "values for 1 of the model's comparisons" in measurement["error"]
    assert (measurement["research"]["missed_pairs"], measurement["research"]["false_pairs"]) == (10, 0)
    assert measurement["matches"] == 10


def test_pairs_of_different_people_with_equal_fields_are_counted():
    rows = [("Ana", "Diaz", 0), ("ANA", "Diaz", 0), ("ana", "diaz", 1), ("Eva", "Diaz", 2)]
    assert count_indistinguishable_pairs(make_small_set(rows)) == 2


def test_notebook_reads_its_scores_from_the_cache(tmp_path):
    truth = {n: n // 2 for n in range(4)}
    table = pa.table({"unique_id": [0, 1, 2, 3], "first_name": ["a", "a", "b", "b"]})
    assert run_notebook(CELL, table, truth, tmp_path).best.counts.true_links == 0
    [cached] = tmp_path.iterdir()
    pq.write_table(pa.table({"lo": [0], "hi": [1], "bits": [12.0]}, schema=WEIGHT_SCHEMA), cached)
    result = run_notebook(CELL, table, truth, tmp_path)
    assert (result.best.counts.true_links, result.at_precision.counts.true_links) == (1, 1)
    other = table.set_column(1, "first_name", pa.array(["a", "a", "b", "c"]))
    assert run_notebook(CELL, other, truth, tmp_path).best.counts.true_links == 0, (
        "other values, other scores"
    )


def test_pairs_join_at_every_threshold_that_they_reach():
    pairs = pa.table({"lo": [0, 1], "hi": [1, 2], "bits": [3.5, 10.0]}, schema=WEIGHT_SCHEMA)
    clusters = connect_pairs([0, 1, 2, 3], pairs, (0.99, 0.9))
    assert clusters == {0.9: {0: 0, 1: 0, 2: 0, 3: 3}, 0.99: {0: 0, 1: 1, 2: 1, 3: 3}}


def test_notebook_scores_nothing_without_a_blocking_rule():
    table = build_notebook_table([])
    assert score_with_splink(table).num_rows == 0


def test_f1_difference_has_the_sign_of_the_better_clusters():
    truth = {n: n // 2 for n in range(400)}
    exact = dict(truth)
    half = {n: n // 2 if n < 200 else n + 400 for n in range(400)}
    difference = compare_f1(exact, half, truth)
    assert difference.value == pytest.approx(1 - 2 * 100 / (100 + 200))
    assert 0 < difference.low <= difference.value <= difference.high
    assert compare_f1(half, half, truth).value == 0
    false_links = {n: n // 4 for n in range(400)}
    assert compare_f1(false_links, exact, truth).high < 0

"""Tests of the matrix's cells: which a set gives, and how they are written."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.evaluate.datasets.canonical_set import CanonicalSet
from training.evaluate.datasets.public_sets import DEVELOPMENT_SETS
from training.evaluate.matrix.cell_files import write_cell
from training.evaluate.matrix.cells import Cell, cut_set, list_cells
from training.fit.errors import TrainingError
from training.raw_table import read_raw_table


def make_set(people=150, **columns):
    """Return a set in which each person has a record in ``a``, and two in ``b``."""
    rows = [(f"N{n}", "DIAZ", f"20{10 + n % 10}-01-02") for n in range(people) for _ in range(3)]
    table = {
        "source": ["a", "b", "b"] * people,
        "first_name": [first for first, _, _ in rows],
        "last_name": [last for _, last, _ in rows],
        "birth_date": [born for _, _, born in rows],
        **{name: [value] * len(rows) for name, value in columns.items()},
    }
    arrays = {name: pa.array(values, pa.string()) for name, values in table.items()}
    return CanonicalSet("small", pa.table(arrays), np.repeat(np.arange(people), 3))


def cut(full):
    return {cell.subset: data for cell, data in cut_set(full)}


def test_set_gives_the_subsets_of_its_columns():
    full = make_set(middle_name="J", sex="F", postal_code="43001", ssn="123456789", phone="6145550101")
    cells = cut(full)
    assert {subset: set(data.columns) for subset, data in cells.items()} == {
        "full": {
            "first_name",
            "middle_name",
            "last_name",
            "birth_date",
            "sex",
            "postal_code",
            "ssn",
            "phone",
        },
        "names_date": {"first_name", "middle_name", "last_name", "birth_date"},
        "names_date_sex": {"first_name", "last_name", "birth_date", "sex"},
        "names_date_postal": {"first_name", "middle_name", "last_name", "birth_date", "postal_code"},
        "names_date_sex_number": {"first_name", "middle_name", "last_name", "birth_date", "sex", "ssn"},
        "names_year": {"first_name", "middle_name", "last_name", "birth_date"},
        "no_middle_name": {"first_name", "last_name", "birth_date", "sex", "postal_code", "ssn", "phone"},
        "no_home": {"first_name", "middle_name", "last_name", "birth_date", "sex", "ssn", "phone"},
        "one_source": set(full.columns),
    }
    assert set(cells["names_year"].table["birth_date"].to_pylist()) == {str(2010 + n) for n in range(10)}
    assert set(cells["one_source"].table["source"].to_pylist()) == {"b"}
    assert len(cells["one_source"].truth) == 300


def test_subset_without_its_columns_or_equal_to_another_is_left_out():
    assert list(cut(make_set())) == ["full", "names_year", "one_source"]


def test_source_with_few_matches_is_no_cell():
    assert "one_source" not in cut(make_set(people=99))


def test_identifier_stands_for_a_missing_ssn():
    number = json.dumps([{"system": "s", "assigner": "x", "value": "77"}])
    cells = cut(make_set(identifiers=number, city="X"))
    assert cells["names_date_sex_number"].columns == ("first_name", "last_name", "birth_date", "identifiers")
    assert cells["full"].build_notebook_table()["ssn"].to_pylist()[:2] == ["77", "77"]


@pytest.fixture
def folder(tmp_path):
    """Return a data folder whose only set has dates in two formats."""
    (tmp_path / "eval").mkdir()
    town = ("middle_initial", "sex", "ssn", "street_number", "street_name", "unit_number", "city", "state",
            "zipcode", "household_id", "race_ethnicity")  # fmt: skip
    rows = [
        {"source": source, "first_name": "Ana", "last_name": "Diaz", "date_of_birth": born, "true_id": "p1"}
        for source, born in (("wic", "03042012"), ("ssa", "20120304"), ("census2020", "3/4/2012"))
    ]
    table = pa.Table.from_pylist([{**row, **dict.fromkeys(town, "1")} for row in rows])
    pq.write_table(table, tmp_path / "eval" / "pp_children_multi.parquet")
    return tmp_path


def test_each_source_has_its_own_date_format(folder):
    [(_, data)] = list_cells(folder, ["pp_children_multi/full"])
    assert data.table["birth_date"].to_pylist() == ["2012-03-04"] * 3
    assert data.table["source"].to_pylist() == ["census2020", "ssa", "wic"], "ordered like the files"


def test_unknown_cell_is_named_with_those_that_exist(folder):
    with pytest.raises(TrainingError, match=r"no cell 'pp_children_multi/everything'.*names_year"):
        list_cells(folder, ["pp_children_multi/everything"])
    with pytest.raises(TrainingError, match="no cell 'nonsense'"):
        list_cells(folder, ["nonsense"])


def test_written_cell_reads_back_as_one_file_per_source(tmp_path):
    full = make_set(people=2)
    written = write_cell(tmp_path, Cell("small", "full"), full)
    assert sorted(path.name for path in written.iterdir()) == ["a.csv", "b.csv", "truth.csv"]
    raw = read_raw_table([written / "a.csv", written / "b.csv"])
    with (written / "truth.csv").open(encoding="utf-8") as file:
        truth = {(row["source"], row["local_id"]): row["true_id"] for row in csv.DictReader(file)}
    read_rows = zip(*(raw[name].to_pylist() for name in ("first_name", "source", "local_id")), strict=True)
    sent_rows = zip(full.table["first_name"].to_pylist(), full.truth.tolist(), strict=True)
    assert sorted((first, truth[source, number]) for first, source, number in read_rows) == sorted(
        (first, str(person)) for first, person in sent_rows
    )


def test_every_development_set_has_a_name_of_its_own():
    names = [each.name for each in DEVELOPMENT_SETS]
    assert len(set(names)) == len(names) == 7

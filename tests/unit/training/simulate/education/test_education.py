"""The education extract has the students of the state's file, and the truth is not in it."""

import csv

import pytest
from typer.testing import CliRunner

from training.__main__ import build_app
from training.simulate.education.extract import EXTRACT_FIELDS, write_education
from training.simulate.files.output import save_populations
from training.simulate.files.tables import FileFormat
from training.simulate.simulation import simulate, simulate_in_blocks


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("education")
    save_populations(write_education([simulate(records=2_000, seed=5)], out, FileFormat.CSV), out)
    return out


def test_extract_is_keyed_by_the_local_ids_of_the_student_file(folder):
    rows = read(folder / "education.csv")
    assert tuple(rows[0]) == EXTRACT_FIELDS
    assert {row["local_id"] for row in rows} <= {row["local_id"] for row in read(folder / "state_ssid.csv")}
    assert len({row["local_id"] for row in rows}) == len(rows) > 800


def test_days_of_a_child_with_two_local_ids_add_up_to_the_truth(folder):
    persons = {
        row["local_id"]: row["person_id"]
        for row in read(folder / "truth.csv")
        if row["source"] == "state_ssid"
    }
    sums: dict[str, int] = {}
    for row in read(folder / "education.csv"):
        person = persons[row["local_id"]]
        sums[person] = sums.get(person, 0) + int(row["days_enrolled"])
    truth = {row["person_id"]: int(row["days_enrolled"]) for row in read(folder / "education_truth.csv")}
    assert sums == {person: truth[person] for person in sums}
    assert len(persons) > len(set(persons.values()))


def test_students_in_care_fare_as_the_rates_say(folder):
    truth = [row for row in read(folder / "education_truth.csv") if int(row["days_enrolled"])]

    def share(rows):
        return sum(row["school_changes"] != "0" for row in rows) / len(rows)

    in_care = [row for row in truth if row["in_care_afcars"] == "Y"]
    assert share(in_care) > 2 * share([row for row in truth if row["in_care_afcars"] == "N"])


def test_the_same_seed_gives_the_same_bytes_and_source_files_stay_as_they_were(tmp_path, folder):
    save_populations(write_education([simulate(records=2_000, seed=5)], tmp_path, FileFormat.CSV), tmp_path)
    for name in ("education.csv", "education_truth.csv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    plain = tmp_path / "plain"
    save_populations([simulate(records=2_000, seed=5)], plain)
    assert (plain / "ccwis.csv").read_bytes() == (folder / "ccwis.csv").read_bytes()


def test_children_of_several_blocks_have_rows_of_their_own(tmp_path):
    blocks = simulate_in_blocks(records=2_000, seed=5, records_per_block=1_000)
    save_populations(write_education(blocks, tmp_path, FileFormat.CSV), tmp_path)
    truth = [row["person_id"] for row in read(tmp_path / "education_truth.csv")]
    assert len(truth) == len(set(truth))
    local_ids = [row["local_id"] for row in read(tmp_path / "education.csv")]
    assert set(local_ids) <= {row["local_id"] for row in read(tmp_path / "state_ssid.csv")}


def test_feeds_have_no_education_extract(tmp_path):
    arguments = [
        "simulate",
        "--out",
        str(tmp_path / "out"),
        "--records",
        "500",
        "--weeks",
        "1",
        "--education",
    ]
    result = CliRunner().invoke(build_app(arguments), arguments)
    assert result.exit_code != 0
    assert "education" in str(result.exception) + result.output

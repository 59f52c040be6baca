"""Tests of the simulated state and its files."""

import csv
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mpi.domain.errors import FileError
from mpi.domain.record import SENT_FIELDS
from training.__main__ import COMMANDS, build_app
from training.simulate.files.output import build_manifest, save_population
from training.simulate.people.flags import FOSTER_CARE, POPULATIONS
from training.simulate.people.population import SimulatedState
from training.simulate.simulation import Population, simulate
from training.simulate.sources.records import TRUTH_FIELDS
from training.simulate.sources.rosters import SourceSystem

RECORDS = 12_000
LIST_COLUMNS = {
    "addresses": ("address_line1", "address_line2", "city", "state", "postal_code", "county"),
    "guardians": ("guardian_first_name", "guardian_last_name", "guardian_relationship"),
    "enrollments": ("school_id", "district_id", "grade", "entry_date", "exit_date"),
}


@pytest.fixture(scope="module")
def population() -> Population:
    return simulate(records=RECORDS, seed=5)


@pytest.fixture(scope="module")
def state(population: Population) -> SimulatedState:
    return population.state


@pytest.fixture(scope="module")
def folder(population: Population, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("state")
    save_population(population, out)
    return out


@pytest.fixture(scope="module")
def rows(folder: Path) -> dict[str, list[dict[str, str]]]:
    return {source: read(folder / f"{source}.csv") for source in SourceSystem}


@pytest.fixture(scope="module")
def tags(folder: Path) -> dict[tuple[str, str], set[str]]:
    return {
        (row["source"], row["local_id"]): set(row["tags"].split("|")) for row in read(folder / "truth.csv")
    }


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def simulate_files(folder: Path, hash_seed: str) -> dict[str, bytes]:
    subprocess.run(
        [sys.executable, "-m", "training", "simulate", "--out", str(folder), "--records", "400"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_same_seed_gives_the_same_bytes_under_any_hash_seed(tmp_path: Path) -> None:
    first = simulate_files(tmp_path / "one", "1")
    second = simulate_files(tmp_path / "two", "4242")
    assert set(first) == {
        *(f"{source}.csv" for source in SourceSystem),
        "caseload.csv",
        "manifest.json",
        "truth.csv",
    }
    assert first == second


def test_another_seed_gives_another_state() -> None:
    first, second = (simulate(records=400, seed=seed) for seed in (1, 2))
    assert first.files[SourceSystem.STATE].columns["last_name"].tolist() != (
        second.files[SourceSystem.STATE].columns["last_name"].tolist()
    )


def test_record_counts_are_near_the_requested_number(population: Population) -> None:
    assert population.records == pytest.approx(RECORDS, rel=0.06)
    shares = {source: len(file) / population.records for source, file in population.files.items()}
    assert shares[SourceSystem.STATE] == pytest.approx(0.45, abs=0.04)
    assert shares[SourceSystem.CCWIS] == pytest.approx(0.20, abs=0.04)
    assert shares[SourceSystem.NORTH] == pytest.approx(0.175, abs=0.04)
    assert shares[SourceSystem.SOUTH] == pytest.approx(0.175, abs=0.04)


def test_number_of_children_can_be_requested() -> None:
    assert len(simulate(children=2_000).state.births) == pytest.approx(2_000, rel=0.10)


def test_headers_are_canonical_and_hold_no_truth(folder: Path) -> None:
    for source in SourceSystem:
        header = (folder / f"{source}.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
        assert header == list(SENT_FIELDS)
        assert not set(header) & set(TRUTH_FIELDS) - {"local_id"}


def test_source_files_hold_no_truth_ids(folder: Path, rows: dict[str, list[dict[str, str]]]) -> None:
    source_values = {
        value for source in rows.values() for row in source for value in row.values() if "[" not in value
    }
    truth = read(folder / "truth.csv")
    assert not source_values & {row["person_id"] for row in truth}
    assert not source_values & {row["household_id"] for row in truth}


def test_local_ids_are_unique_within_a_source(rows: dict[str, list[dict[str, str]]]) -> None:
    for source in rows.values():
        assert len({row["local_id"] for row in source}) == len(source)


def test_local_ids_are_unrelated_to_child_order(population: Population) -> None:
    persons = population.files[SourceSystem.STATE].truth["person_id"]
    order = np.array([int(person[1:]) for person in persons])
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.1


def test_truth_covers_every_record_once(folder: Path, rows: dict[str, list[dict[str, str]]]) -> None:
    truth = [(row["source"], row["local_id"]) for row in read(folder / "truth.csv")]
    records = [(str(source), row["local_id"]) for source, source_rows in rows.items() for row in source_rows]
    assert truth == records


def test_manifest_is_marked_synthetic_and_adds_up(folder: Path, population: Population) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["synthetic"] is True
    assert manifest["seed"] == population.seed
    assert sum(manifest["records_by_source"].values()) == manifest["records"] == population.records
    assert manifest == build_manifest(population)


def test_children_are_within_the_age_range(state: SimulatedState) -> None:
    today = state.rates.state.today
    assert state.births.day.max() <= today
    assert (today - state.births.day.min()).astype(int) < 21 * 366


def test_twins_share_birth_date_and_home_but_siblings_are_spaced(state: SimulatedState) -> None:
    births = state.births
    for event in np.unique(births.event[births.multiple]):
        rows = births.event == event
        assert len(set(births.day[rows])) == len(set(births.home[rows])) == 1
    same_home = (births.home[1:] == births.home[:-1]) & (births.event[1:] != births.event[:-1])
    gaps = np.abs((births.day[1:] - births.day[:-1]).astype(int))[same_home]
    assert gaps.min() >= 10.5 * 30


def test_multiple_births_occur_at_the_national_rate() -> None:
    births = simulate(records=20_000, seed=3).state.births
    assert births.multiple.mean() == pytest.approx(0.032, abs=0.005)


def test_given_names_are_distinct_within_a_home(state: SimulatedState) -> None:
    people, home = state.people, state.births.home
    usual = ~people.namesake
    names = list(zip(home[usual], people.first_before[usual], strict=True))
    assert len(set(names)) == pytest.approx(len(names), abs=2)


def test_only_child_welfare_holds_ssns(rows: dict[str, list[dict[str, str]]]) -> None:
    for source in (SourceSystem.NORTH, SourceSystem.SOUTH, SourceSystem.STATE):
        assert not any(row["ssn"] or row["ssn_last4"] for row in rows[source])
    with_number = [row for row in rows[SourceSystem.CCWIS] if row["ssn"] or row["ssn_last4"]]
    assert len(with_number) / len(rows[SourceSystem.CCWIS]) == pytest.approx(0.45, abs=0.05)


def test_districts_hold_most_state_ids_and_child_welfare_few(
    rows: dict[str, list[dict[str, str]]],
) -> None:
    assert filled_share(rows[SourceSystem.STATE], "identifiers") == 1
    assert filled_share(rows[SourceSystem.NORTH], "identifiers") == pytest.approx(0.95, abs=0.03)
    assert 0.05 < filled_share(rows[SourceSystem.CCWIS], "identifiers") < 0.20
    for row in rows[SourceSystem.STATE]:
        assert json.loads(row["identifiers"]) == [
            {"system": "state_student_id", "assigner": "SEA", "value": row["local_id"]}
        ]


def filled_share(rows: list[dict[str, str]], field: str) -> float:
    return sum(bool(row[field]) for row in rows) / len(rows)


@pytest.mark.parametrize("source", SourceSystem)
def test_missing_values_occur_at_their_rates(source: SourceSystem, population: Population, rows) -> None:
    missing = population.state.rates.missing[source.kind]
    for field, rate in (("sex", missing.sex), ("race", missing.race), ("birth_city", missing.birth_place)):
        assert 1 - filled_share(rows[source], field) == pytest.approx(rate, abs=0.06), field


def test_child_welfare_birth_dates_are_wrong_more_often(population: Population) -> None:
    def wrong_share(source: SourceSystem) -> float:
        file, births = population.files[source], population.state.births
        person = np.array([int(person_id[1:]) - 1 for person_id in file.truth["person_id"]])
        recorded = file.columns["birth_date"]
        return float(np.mean((recorded != births.day[person].astype(str)) & (recorded != "")))

    assert 0.005 < wrong_share(SourceSystem.STATE) < wrong_share(SourceSystem.CCWIS) < 0.15


def test_flags_are_complete_dated_and_of_known_populations(rows: dict[str, list[dict[str, str]]]) -> None:
    seen = set()
    for source, source_rows in rows.items():
        for row in source_rows:
            for flag in json.loads(row["flags"] or "[]"):
                seen.add((source.kind, flag["population"]))
                assert flag["value"] == "Y"
                assert flag["definition"]
                begin = date.fromisoformat(flag["begin"])
                assert begin < date.fromisoformat(flag.get("end", "9999-12-31"))
                assert begin.isoformat() <= row["as_of"][:10]
    assert {population for kind, population in seen if kind == "district"} == set(POPULATIONS)
    assert {population for kind, population in seen if kind == "ccwis"} == {FOSTER_CARE, "disability"}


def test_special_populations_overlap(state: SimulatedState) -> None:
    disability, care = state.flags.true["disability"], state.care
    assert disability[care.in_care].mean() > 1.5 * disability[~care.in_care].mean()
    assert state.flags.true["economic_disadvantage"][care.in_care].all()
    assert not (disability & state.flags.true["section_504"]).any()


def test_child_in_care_has_a_flag_and_a_placement(rows, tags) -> None:
    for row in rows[SourceSystem.CCWIS]:
        marks = tags[SourceSystem.CCWIS, row["local_id"]]
        open_care = [
            flag
            for flag in json.loads(row["flags"] or "[]")
            if flag["population"] == FOSTER_CARE and "end" not in flag
        ]
        assert bool(open_care) == ("in_care" in marks)
        if "in_care" in marks and marks.isdisjoint({"earlier", "registered_twice"}):
            assert "end" not in json.loads(row["placements"])[0]


def test_group_home_holds_unrelated_children_at_one_address(population: Population) -> None:
    care, births = population.state.care, population.state.births
    in_group = care.setting == 3
    addresses, sizes = np.unique(care.address[in_group], return_counts=True)
    in_largest = in_group & (care.address == addresses[np.argmax(sizes)])
    assert len(set(births.home[in_largest])) > 3
    assert len(addresses) > 1
    assert sizes.max() < 45


def test_flat_columns_equal_the_first_list_entry(rows: dict[str, list[dict[str, str]]]) -> None:
    lists = 0
    for source_rows in rows.values():
        for row in source_rows:
            for column, fields in LIST_COLUMNS.items():
                if row[column]:
                    first = json.loads(row[column])[0]
                    assert {name: first.get(name, "") for name in fields} == {n: row[n] for n in fields}
                    lists += 1
    assert lists > 50


def test_adopted_children_have_a_second_client_with_the_new_name(folder: Path, rows, tags) -> None:
    person = {(row["source"], row["local_id"]): row["person_id"] for row in read(folder / "truth.csv")}
    first, second = {}, {}
    for row in rows[SourceSystem.CCWIS]:
        marks = tags[SourceSystem.CCWIS, row["local_id"]]
        if "adopted" not in marks:
            continue
        if "former_identity" in marks:
            first[person[SourceSystem.CCWIS, row["local_id"]]] = row["last_name"]
        elif "registered_twice" in marks:
            second[person[SourceSystem.CCWIS, row["local_id"]]] = row["last_name"]
    assert len(second) > 20
    assert set(second) <= set(first)
    assert sum(first[child] != second[child] for child in second) > 0.9 * len(second)


def test_former_names_occur_only_on_records_with_the_new_name(rows, tags) -> None:
    former_names = 0
    for source, source_rows in rows.items():
        for row in source_rows:
            if row["other_names"]:
                former_names += 1
                marks = tags[source, row["local_id"]]
                assert "name_changed" in marks
                assert "former_identity" not in marks
    assert former_names > 20


def test_some_children_have_two_state_ids(population: Population) -> None:
    persons = population.files[SourceSystem.STATE].truth["person_id"].tolist()
    twice = len(persons) - len(set(persons))
    assert 0.01 < twice / len(persons) < 0.04


def test_movers_are_in_both_districts_and_left_the_first(rows, tags) -> None:
    movers = [
        row
        for source in (SourceSystem.NORTH, SourceSystem.SOUTH)
        for row in rows[source]
        if {"earlier", "moved"} <= tags[source, row["local_id"]]
        and "registered_twice" not in tags[source, row["local_id"]]
    ]
    assert len(movers) > 50
    assert all(row["exit_date"] and not row["entry_date"] for row in movers)


def test_leavers_have_an_exit_date(rows, tags) -> None:
    leavers = [
        row for row in rows[SourceSystem.STATE] if "leaver" in tags[SourceSystem.STATE, row["local_id"]]
    ]
    assert len(leavers) > 50
    assert all(row["exit_date"] for row in leavers)


def test_as_of_is_not_before_any_date_of_the_record(rows: dict[str, list[dict[str, str]]]) -> None:
    for source_rows in rows.values():
        for row in source_rows:
            assert row["as_of"].endswith("T04:00:00.000000Z")
            assert max(row["entry_date"], row["exit_date"]) <= row["as_of"][:10]
            assert row["as_of"] <= "2026-09-01T04:00:00.000000Z"


def test_all_hard_cases_occur(population: Population) -> None:
    expected = {
        "twin", "sibling", "adopted", "name_changed", "in_care", "left_care", "enrolled", "group_home",
        "kinship_care", "placeholder_name", "two_surnames", "junior", "moved", "registered_twice",
        "carer_surname", "mononym", "former_identity", "address_confidential", "sealed", "expunged",
        "sex_x", "died",
    }  # fmt: skip
    assert expected <= set(build_manifest(population)["tagged_records"])


def test_confidential_families_show_only_the_substitute_address(rows, tags) -> None:
    restricted = [
        row for source_rows in rows.values() for row in source_rows if "confidential" in row["restrictions"]
    ]
    assert restricted
    for row in restricted:
        assert row["address_line1"].startswith("PO Box")
    for row in rows[SourceSystem.NORTH]:
        marks = tags[SourceSystem.NORTH, row["local_id"]]
        if "address_confidential" in marks and not marks & {"in_care", "adopted"}:
            assert row["restrictions"]


def test_simulate_command_writes_a_state_and_prints_counts(tmp_path: Path) -> None:
    arguments = ["simulate", "--out", str(tmp_path / "state"), "--records", "400", "--seed", "9"]
    result = CliRunner().invoke(build_app(arguments), arguments)
    assert result.exit_code == 0, result.output
    assert "state_ssid.csv" in result.output
    assert json.loads((tmp_path / "state" / "manifest.json").read_text())["seed"] == 9


def test_unwritable_folder_is_refused(population: Population, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        save_population(population, tmp_path / "file" / "state")


def test_only_the_called_command_is_imported() -> None:
    assert len(build_app(["simulate"]).registered_commands) == 1
    assert len(build_app(["--help"]).registered_commands) == len(COMMANDS)

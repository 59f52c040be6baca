"""Tests that standardization by column equals that by record."""

import csv
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mpi.domain.errors import FileError
from mpi.domain.features import FEATURE_COLUMNS
from mpi.domain.record import SENT_FIELDS
from mpi.matching.scoring.splink_engine import make_feature_table
from training.column_standardizer import standardize_table
from training.current_records import read_current_records
from training.raw_table import read_raw_table
from training.records import read_rows, remove_shared_values, standardize_in_parallel
from training.shared_value_removal import remove_shared_values_from_table
from training.simulate.files.output import save_population
from training.simulate.simulation import simulate

HOME = {"address_line1": "12 Oak St", "postal_code": "43001"}
FLAT = {**HOME, "address_line2": "Apt 4"}
FOSTER = {
    "guardian_first_name": "Ana",
    "guardian_last_name": "Diaz",
    "guardian_relationship": "Foster Parent",
}
NUMBER = {"system": "a", "assigner": "b", "value": "77-12345"}
BOX = {"address_line1": "PO Box 7", "city": "St. Louis"}
UNUSUAL_ROWS = [
    {},
    {"first_name": "Baby Boy A", "last_name": "Null", "birth_date": "01/02/2012"},
    {"first_name": "Ana Lucia", "last_name": "de la Cruz-Diaz Jr.", "middle_name": "III", "suffix": "II"},
    {"first_name": "Htoo", "last_name": "Htoo", "other_names": "Ana Diaz|Anna Dias"},
    {"last_name": "Unknown Jr", "preferred_name": "Ty"},
    {"birth_date": "2999-01-01", "as_of": "2012-01-01"},
    {"birth_date": "2011-08-30", "as_of": "2011-08-29T23:00:00-05:00"},
    {"birth_date": "2011-08-30", "as_of": "2011-08-28"},
    {"birth_date": "2011-01-01", "birth_date_quality": "estimated", "previous_birth_dates": "2011-02-01"},
    {"as_of": "never"},
    {"as_of": "2999-01-01"},
    {"ssn": "123-45-6780", "ssn_last4": "0000"},
    {"identifiers": json.dumps([{"system": "SSN", "value": "123456780"}, NUMBER])},
    {"identifiers": json.dumps([{"system": "a", "value": "77"}])},
    {"identifiers": "77"},
    {**FLAT, **FOSTER},
    {**FLAT, "guardians": json.dumps([FOSTER])},
    {**HOME, "addresses": json.dumps([{**HOME, "type": "foster_home"}, BOX])},
    {**HOME, "addresses": json.dumps([{"address_line1": "9 Elm St"}])},
    {**HOME, "restrictions": json.dumps([{"kind": "address_confidential"}])},
    {"restrictions": json.dumps([{"kind": "secret"}])},
    {"address_line1": "c/o Ana", "address_line2": "12 Oak St Apt 3", "city": "Safe at Home"},
    {"guardian_last_name": "Diaz, Ana", "guardian_relationship": "Caseworker"},
    {"household_ids": "H1|h2|0", "source": "sis"},
    {"phone": "614-555-0134; (614) 555-0199", "email": " A@B.org ", "sex": "Girl", "multiple_birth": "yes"},
    {"multiple_birth": "perhaps", "birth_city": "Mt Vernon", "birth_state": "Ohio"},
    {"flags": json.dumps([{"population": "foster_care", "value": "Q"}])},
    {"race": "[1, {}]"},
    {"placements": json.dumps([{"typ": "x"}])},
    {"grade": "3", "enrollments": json.dumps([{"grade": "3"}])},
    {"grade": "3", "enrollments": json.dumps([{"grade": "4"}])},
    {"first_name": "x" * 10_001},
    {"local_id": "a" * 201},
    {"local_id": " "},
    {"local_id": "a\tb"},
    {"subject": "n\0l"},
    {"first_name": "Zo\u00eb \u201cZoe\u201d", "last_name": 'O\u2019Brien, "Jr"', "city": "a\nb"},
]  # fmt: skip


def standardize_by_row(paths):
    """Return the features that the index makes, one record at a time."""
    rows = [row for path in paths for row in read_rows(path)]
    return [
        (number, row_features)
        for number, row_features in enumerate(standardize_in_parallel(rows, 1))
        if row_features is not None
    ]


def sort_by_id(table):
    return table.sort_by("unique_id").combine_chunks()


def write_csv(path: Path, rows, columns=("source", *SENT_FIELDS)):
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)
    return path


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    out = tmp_path_factory.mktemp("state")
    save_population(simulate(records=3_000, seed=5), out)
    return sorted(path for path in out.glob("*.csv") if path.stem not in {"truth", "caseload"})


def test_column_standardizer_gives_the_features_of_the_index(state):
    index_features = make_feature_table(standardize_by_row(state), FEATURE_COLUMNS)
    column_features = standardize_table(read_raw_table(state), 1)
    assert len(column_features) > 2_900
    assert sort_by_id(column_features).equals(sort_by_id(index_features))


def test_unusual_records_get_equal_features_and_refused_ones_none(tmp_path):
    rng = random.Random(3)
    mixed = [{**rng.choice(UNUSUAL_ROWS), **rng.choice(UNUSUAL_ROWS)} for _ in range(1_500)]
    path = write_csv(
        tmp_path / "odd.csv", [{"local_id": str(n), **row} for n, row in enumerate(UNUSUAL_ROWS + mixed)]
    )
    index_features = standardize_by_row([path])
    assert 300 < len(index_features) < len(mixed)
    assert sort_by_id(standardize_table(read_raw_table([path]), 1)).equals(
        sort_by_id(make_feature_table(index_features, FEATURE_COLUMNS))
    )


def test_empty_file_and_file_of_unusual_records_are_read(tmp_path):
    empty = write_csv(tmp_path / "empty.csv", [])
    assert (
        len(read_current_records([empty]).features) == len(read_current_records([empty]).record_labels) == 0
    )
    unusual = write_csv(
        tmp_path / "odd.csv", [{"local_id": "1", "preferred_name": "Ty", "last_name": "Dyer"}]
    )
    assert read_current_records([unusual]).features["given_forms"].to_pylist() == [["TY"]]


def test_several_processes_give_the_result_of_one(state):
    raw = read_raw_table(state).slice(0, 600)
    serial = standardize_table(raw, 1)
    parallel = standardize_table(raw, 2, parallel_from=0, values_per_task=200)
    assert sort_by_id(parallel).equals(sort_by_id(serial))


def test_shared_values_are_removed_as_in_a_recluster(tmp_path):
    rng, rows = random.Random(2), []
    for n in range(400):
        home = rng.choice(
            (FLAT, HOME, {**HOME, "address_line1": f"{n} Elm St"}, {"address_line1": "PO Box 7", "city": "X"})
        )
        rows.append(
            {
                "local_id": str(n), "birth_date": f"20{rng.randrange(10, 18)}-03-{rng.randrange(1, 29):02}",
                "phone": rng.choice(("614-555-0134", f"614-555-{n:04}")),
                "email": rng.choice(("a@b.org", "")), "household_ids": rng.choice(("H1", f"H{n}")), **home,
            }
        )  # fmt: skip
    path = write_csv(tmp_path / "homes.csv", rows)
    index_features = make_feature_table(remove_shared_values(standardize_by_row([path])), FEATURE_COLUMNS)
    column_features = remove_shared_values_from_table(standardize_table(read_raw_table([path]), 1))
    assert index_features["shared_homes"].null_count < 300
    assert sort_by_id(column_features).equals(sort_by_id(index_features))


def test_csv_parquet_and_row_reader_agree(state, tmp_path):
    rows = [{**raw_row.fields, "source": raw_row.source} for path in state for raw_row in read_rows(path)][
        :300
    ]
    parquet = tmp_path / "all.parquet"
    columns = {name: [row.get(name, "") for row in rows] for name in ("source", *SENT_FIELDS)}
    pq.write_table(pa.table(columns), parquet)
    lists = tmp_path / "lists.parquet"
    pq.write_table(pa.table({**columns, "race": pa.array([[]] * len(rows), pa.list_(pa.string()))}), lists)
    plain = write_csv(tmp_path / "all.csv", rows)
    assert sort_by_id(read_current_records([plain]).features).equals(
        sort_by_id(read_current_records([parquet]).features)
    )
    assert read_raw_table([lists]) is None, "a list column is read row by row"
    assert sort_by_id(read_current_records([lists]).features).equals(
        sort_by_id(read_current_records([plain]).features)
    )
    assert read_current_records([lists]).record_labels.equals(read_current_records([plain]).record_labels)


def test_surname_null_is_a_name_and_uneven_rows_are_read(tmp_path):
    path = tmp_path / "uneven.csv"
    path.write_text("local_id,first_name,last_name\n1,Ana,Null\n2,Jo\n", encoding="utf-8")
    assert sort_by_id(read_current_records([path]).features)["given"].to_pylist() == ["ANA", "JO"]
    path.write_text("local_id,first_name,last_name\n1,Ana,Null\n2,NA,\n", encoding="utf-8")
    read = read_raw_table([path])
    assert read["last_name"].to_pylist() == ["Null", None]
    assert read["source"].to_pylist() == ["uneven", "uneven"]
    assert sort_by_id(read_current_records([path]).features)["surname"].to_pylist() == ["NULL", None]


def test_non_canonical_column_is_named(tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("local_id,firstname\n1,Ana\n", encoding="utf-8")
    with pytest.raises(FileError, match="'firstname' is not a canonical column"):
        read_current_records([path])


def test_a_file_in_another_encoding_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "sis.csv"
    path.write_bytes("local_id,last_name\n1,Müller\n".encode("latin-1"))
    with pytest.raises(FileError, match='encoding = "windows-1252"'):
        list(read_rows(path))


def test_a_line_with_too_many_values_is_refused_by_its_number(tmp_path):
    path = tmp_path / "sis.csv"
    path.write_text("local_id,last_name\n1,Bell\n2,Hill,Ann\n", encoding="utf-8")
    with pytest.raises(FileError, match=r"line 3 has more values.*--format sis=csv"):
        list(read_rows(path))

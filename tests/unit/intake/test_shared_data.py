"""Shipped mappings and XML readers accept or reject every row of the public sets."""

import csv
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mpi.domain.keyed_hash import KeyedHash
from mpi.intake.file_profile import profile_file
from mpi.intake.mapping_reader import load_mapping
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow, RejectedRow

pytestmark = pytest.mark.data

DATA = Path(os.environ.get("MPI_EVAL_DATA", Path(__file__).parents[3].parent / "shared" / "data"))

if not DATA.is_dir():
    pytest.skip("the public evaluation sets are not here: set MPI_EVAL_DATA", allow_module_level=True)

SEAL = KeyedHash(b"k" * 32)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def read_rows(file, mapping):
    rows = list(open_file(DATA / file, mapping, None))
    return (
        [row for row in rows if isinstance(row, CanonicalRow)],
        [row for row in rows if isinstance(row, RejectedRow)],
    )


def test_edfi_students_flat_is_read_completely():
    accepted, rejected = read_rows("edfi/students_flat.csv", load_mapping("edfi_students_flat"))
    assert (len(accepted), len(rejected)) == (960, 0)
    assert len({row.fields["local_id"] for row in accepted}) == 960
    assert not any(row.issues for row in accepted)


@pytest.mark.parametrize(
    ("file", "accepted", "rejects"),
    [
        ("class_import_duplicates", 3, ()),
        ("class_import_pds_extravaganza", 1, ()),
        ("cohort_import_duplicate_except_postcode", 1, ()),
        ("cohort_import_duplicate_nhs_numbers", 2, ()),
        ("cohort_import_pds_extravaganza", 10, ()),
        ("cohort_import_valid_with_duplicates", 4, (("empty-row", 1),)),
    ],
)
def test_mavis_files_are_read_with_both_date_formats(file, accepted, rejects):
    mapping = load_mapping(f"mavis_{file.partition('_')[0]}")
    path = DATA / "mavis" / f"{file}.csv"
    profile = profile_file(open_file(path, mapping, None), SEAL, NOW)
    assert (profile.accepted, profile.rejects) == (accepted, rejects)
    assert not [issue for issue in profile.issues if issue[0] == "birth_date"]
    with path.open(encoding="utf-8", newline="") as source:
        assert profile.rows == sum(1 for _ in csv.reader(source)) - 1


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("pp_children_multi", "pp_children_multi"),
        ("pp_link_census_2020_2030", "pp_link_census"),
    ],
)
def test_pp_sets_are_read_by_source_with_row_numbers_as_ids(file, name):
    path = f"eval/{file}.parquet"
    table = pq.read_table(DATA / path, columns=["source", "last_name", "date_of_birth"]).to_pylist()
    local_ids = []
    for source, count in Counter(row["source"] for row in table).items():
        accepted, rejected = read_rows(path, load_mapping(name).with_where("source", source))
        assert (len(accepted), len(rejected)) == (count, 0)
        for row in accepted:
            original = table[int(row.fields["local_id"]) - 1]
            assert (original["source"], original["last_name"]) == (source, row.fields.get("last_name"))
        local_ids += [row.fields["local_id"] for row in accepted]
        issue_count = sum(bool(row.issues) for row in accepted)
        assert issue_count < 0.02 * len(accepted)  # noise: letters among the digits
    assert len(local_ids) == len(set(local_ids)) == len(table)


def test_edfi_interchange_files_give_each_student_with_guardians_and_flags():
    accepted, rejected = read_rows("edfi/sample_xml", None)
    assert (len(accepted), len(rejected)) == (960, 0)
    populations = Counter(flag["population"] for row in accepted for flag in row.fields.get("flags", ()))
    assert populations == {
        "migrant": 275, "disability": 97, "english_learner": 38, "homeless": 11,
        "neglected_or_delinquent": 8, "section_504": 3,
    }  # fmt: skip
    assert sum(len(row.fields["guardians"]) for row in accepted) == 1_872
    assert profile_file(open_file(DATA / "edfi/sample_xml", None, None), SEAL, NOW).rejects == ()


def test_the_afcars_example_is_one_child_in_care():
    ((row,), rejected) = read_rows("afcars/afcars2020_ooh_synthetic_example.xml", None)
    assert rejected == []
    assert [flag["population"] for flag in row.fields["flags"]] == ["foster_care"]
    assert [placement["type"] for placement in row.fields["placements"]] == [
        "relative_foster_home",
        "runaway",
    ]

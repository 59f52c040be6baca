"""Tests of training files with a mapping or another format."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mpi.domain.errors import InputError, MappingError
from tests.unit.intake.test_edfi_file import interchange, student
from training.__main__ import build_app
from training.current_records import read_current_records
from training.file_layouts import read_layouts
from training.fit.errors import TrainingError

MAPPING = """\
local_id = {column = "STU_ID"}
ignore = ["LUNCH"]

[fields]
first_name = "FIRST"
last_name = "LAST"
birth_date = {column = "DOB", date_format = "%m/%d/%Y"}
sex = {column = "SEX", codes = {"1" = "M", "2" = "F"}}
"""
CHILDREN = [("1", "Amara", "Okonkwo", "2014-03-09", "F"), ("2", "Chidi", "Ek", "2011-07-02", "M")]


@pytest.fixture
def canonical(tmp_path) -> Path:
    return write_csv(
        tmp_path / "canonical" / "sis.csv", "local_id,first_name,last_name,birth_date,sex", *CHILDREN
    )


@pytest.fixture
def as_sent(tmp_path) -> Path:
    rows = []
    for number, first, last, born, sex in CHILDREN:
        year, month, day = born.split("-")
        rows.append((number, first, last, f"{month}/{day}/{year}", {"M": "1", "F": "2"}[sex], "n"))
    return write_csv(tmp_path / "sent" / "sis.csv", "STU_ID,FIRST,LAST,DOB,SEX,LUNCH", *rows)


@pytest.fixture
def mapping(tmp_path) -> Path:
    path = tmp_path / "students.toml"
    path.write_text(MAPPING)
    return path


def write_csv(path: Path, header: str, *rows) -> Path:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def test_mapped_file_gives_the_features_of_the_canonical_file(canonical, as_sent, mapping):
    plain = read_current_records([canonical])
    mapped = read_current_records([as_sent], read_layouts([as_sent], [f"sis={mapping}"], []))
    assert mapped.features.to_pylist() == plain.features.to_pylist()
    assert mapped.record_labels.to_pylist() == plain.record_labels.to_pylist()
    assert len(plain.features) == len(CHILDREN)


def test_files_of_several_formats_are_read_together(canonical, mapping, tmp_path):
    interchanged = tmp_path / "state.xml"
    interchanged.write_text(interchange("Student", student("9")), encoding="utf-8")
    paths = [canonical, interchanged]
    current = read_current_records(paths, read_layouts(paths, [], ["state=edfi"]))
    assert [tuple(row.values())[1:] for row in current.record_labels.to_pylist()] == [
        ("sis", "1"),
        ("sis", "2"),
        ("state", "9"),
    ]


@pytest.mark.parametrize(
    ("mappings", "formats", "message"),
    [
        (["nowhere=students.toml"], [], "no file of --data is called nowhere"),
        (["students.toml"], [], "write SOURCE="),
        ([], ["sis="], "write SOURCE="),
        ([], ["sis=ods"], "not a format"),
        ([], ["sis=csv", "sis=csv"], "given twice"),
    ],
)
def test_invalid_layout_option_is_refused(canonical, mappings, formats, message):
    with pytest.raises(InputError, match=message):
        read_layouts([canonical], mappings, formats)


def test_mapping_that_does_not_fit_the_columns_is_refused(canonical, mapping):
    with pytest.raises(MappingError):
        read_current_records([canonical], read_layouts([canonical], [f"sis={mapping}"], []))


@pytest.mark.parametrize("command", [["fit"], ["wrap", "saved.json", "--link", "5", "--review", "0"]])
def test_fit_and_wrap_accept_mapping_and_format_options(as_sent, mapping, tmp_path, command):
    arguments = [*command, "--data", str(as_sent), "--out", str(tmp_path / "model")]
    refused = CliRunner().invoke(build_app(arguments), arguments)
    assert "STU_ID" in str(refused.exception), "no canonical column"
    arguments += ["--mapping", f"sis={mapping}", "--format", "sis=csv"]
    read = CliRunner().invoke(build_app(arguments), arguments)
    # Two records teach nothing, and there are no settings to wrap: the file was read.
    assert isinstance(read.exception, TrainingError)

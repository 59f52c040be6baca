"""``mpi map``: a mapping that ``mpi ingest`` reads, without any index."""

import pytest

from tests.unit.cli.conftest import is_one_line

HEADER = "Stu No,First Name,Last Name,DOB,Homeroom\n"
ROWS = "1001,Ana,Ek,05/16/2010,7B\n1002,Bo,Díaz,06/17/2011,7B\n"


@pytest.fixture
def students(home, tmp_path):
    path = tmp_path / "students.csv"
    path.write_text(HEADER + ROWS, encoding="utf-8")
    return path


def test_proposed_mapping_is_read_by_a_load(mpi, students, tmp_path):
    result = mpi("map", "students.csv")
    assert result.code == 0
    assert "Stu No" in result.out
    assert result.err.endswith("mpi ingest students.csv --source CODE --mapping students.toml --dry-run\n")
    receipt = mpi("ingest", "students.csv", "--source", "sis", "--mapping", "students.toml", "--json").json
    assert (receipt["created"], receipt["rejected"], receipt["issues"]) == (2, 0, {})


def test_json_tells_every_column_and_no_value(mpi, students):
    result = mpi("map", "students.csv", "--json")
    shown = {column["column"]: column["target"] for column in result.json["columns"]}
    assert shown == {
        "Stu No": "local_id", "First Name": "first_name", "Last Name": "last_name", "DOB": "birth_date",
        "Homeroom": None,
    }  # fmt: skip
    assert (result.json["rows"], result.json["accepted"]) == (2, 2)
    assert not [value for value in ("Ana", "1001", "05/16/2010") if value in result.out + result.err]


def test_no_index_is_needed(mpi, empty_home, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + ROWS, encoding="utf-8")
    assert mpi("map", "a.csv", "--out", "b.toml").code == 0
    assert not empty_home.exists()


def test_existing_mapping_is_replaced_only_if_told(mpi, students, tmp_path):
    (tmp_path / "students.toml").write_text("mine")
    result = mpi("map", "students.csv")
    assert (result.code, is_one_line(result.err), "--replace" in result.err) == (5, True, True)
    assert (tmp_path / "students.toml").read_text() == "mine"
    assert mpi("map", "students.csv", "--replace", "--column", "Homeroom=school_id").code == 0
    assert 'school_id = "Homeroom"' in (tmp_path / "students.toml").read_text()


def test_unclear_column_is_kept_with_yes_and_left_out_without_input(mpi, home, tmp_path):
    (tmp_path / "s.csv").write_text("Stu No,DOB,Fist Nme\n1,03/04/2010,Ana\n2,05/06/2011,Bo\n")
    mpi("map", "s.csv", "--yes", "--out", "yes.toml")
    mpi("map", "s.csv", "--no-input", "--out", "no.toml")
    assert "birth_date" in (tmp_path / "yes.toml").read_text()
    assert "birth_date" not in (tmp_path / "no.toml").read_text()


@pytest.mark.parametrize("option", ["Stu No", "=local_id", "Stu No="])
def test_choice_that_is_none_is_refused(mpi, students, option):
    result = mpi("map", "students.csv", "--column", option)
    assert (result.code, "COLUMN=FIELD" in result.err) == (5, True)

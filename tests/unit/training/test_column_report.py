"""A fit reports what it reads, uses and sets aside of each column."""

from pathlib import Path

import pytest

from training.column_report import SHARED_REASON, explain_dropped_comparison
from training.current_records import CurrentRecords, read_current_records
from training.file_layouts import read_layouts

HEADER = "local_id,first_name,last_name,birth_date,sex,address_line1,postal_code,phone,email"
ROWS = [
    "1,Ana,Lopez,1630-08-01,F,10 Downing St,SW1A 2AA,020 7946 0018,ana@example.org",
    "2,Ben,Kim,31.12.1899,?,,unknown,555,none",
    "3,Unknown,Ek,1915,?,,4300I,555,",
    "4,Cy,Fox,,,,,,",
]


def write_file(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    path = folder / "register.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def reports_of(current: CurrentRecords):
    """Return what is read, used and set aside of each column."""
    return {
        use.name: (use.read, use.used, [(part.reason, part.rows, part.shapes) for part in use.set_aside])
        for use in current.columns
    }


EXPECTED = {
    "first_name": (4, 3, [("placeholder-name", 1, ("AAAAAAA",))]),
    "last_name": (4, 4, []),
    "birth_date": (3, 2, [("unreadable-date", 1, ("99.99.9999",))]),
    "sex": (3, 1, [("unknown-code", 2, ("?",))]),
    "address_line1": (1, 1, []),
    "postal_code": (3, 1, [("invalid-postal-code", 2, ("9999A", "AAAAAAA"))]),
    "phone": (3, 1, [("invalid-phone", 2, ("999",))]),
    "email": (2, 1, [("placeholder-value", 1, ("AAAA",))]),
}


def test_each_column_is_told_with_what_is_set_aside_and_why(tmp_path):
    current = read_current_records([write_file(tmp_path, ROWS)])
    assert reports_of(current) == EXPECTED
    assert current.refused == 0
    assert not any(value in repr(current.columns) for value in ("Unknown", "1899", "4300I", "none"))


def test_a_file_read_row_by_row_is_reported_alike(tmp_path):
    quoted = [row + "\r" for row in ROWS]
    path = write_file(tmp_path, quoted)
    path.write_text(path.read_text() + "5,Eve,Short\n")  # Arrow reads no row of uneven length
    reports = reports_of(read_current_records([path]))
    assert reports["postal_code"] == EXPECTED["postal_code"]
    assert reports["phone"] == EXPECTED["phone"]
    assert reports["last_name"] == (5, 5, [])


def test_values_that_a_mapping_cannot_read_are_counted(tmp_path):
    (tmp_path / "register.toml").write_text(
        'local_id = "id"\n[fields]\nlast_name = "n"\nbirth_date = {column = "b", date_format = "%d.%m.%Y"}\n'
    )
    path = write_file(tmp_path, ["1,Ek,03.04.1915", "2,Kim,spring", "3,Fox,April 1915"], "id,n,b")
    layouts = read_layouts([path], [f"register={tmp_path / 'register.toml'}"], [])
    reports = reports_of(read_current_records([path], layouts))
    assert reports["birth_date"] == (3, 1, [("unreadable-date", 2, ())])


def test_values_that_many_people_share_are_told(tmp_path):
    rows = [f"{n},Ana,Lopez,2010-01-{n + 1:02},,,,614-555-0134," for n in range(14)]
    reports = reports_of(read_current_records([write_file(tmp_path, rows)]))
    assert reports["phone"] == (14, 0, [(SHARED_REASON, 14, ())])


def test_refused_rows_are_counted(tmp_path):
    current = read_current_records([write_file(tmp_path, [*ROWS, "5" * 300 + ",Eve,Fox,,,,,,"])])
    assert current.refused == 1


@pytest.mark.parametrize(
    ("comparison", "reason"),
    [
        ("phone", "2 of 3 values of phone are set aside"),
        ("ssn", "no record has a value for it"),
        ("suffix", "no record has a value for it"),
    ],
)
def test_a_dropped_comparison_is_explained(tmp_path, comparison, reason):
    current = read_current_records([write_file(tmp_path, ROWS)])
    assert explain_dropped_comparison(comparison, current.columns) == reason

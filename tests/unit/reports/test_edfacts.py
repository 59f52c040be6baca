"""EDFacts files are read as submitted, and their counts are compared with the index."""

import pytest

from mpi.domain.errors import FileError
from mpi.reports.child_tables import ChildTables
from mpi.reports.definitions import read_definitions
from mpi.reports.edfacts_comparison import SPECIFICATIONS, compare_count, make_edfacts_report
from mpi.reports.edfacts_file import EdfactsCount, read_edfacts_count
from mpi.reports.outcomes import Period

HEADER = "SEA FOSTER CARE ENROLLED,{count},XXSEAFOSTER1.csv,V22,2025-2026,\n"
YEAR = Period("2025-08-15", "2026-06-15")
CARE = [read_definitions()[code] for code in ("essa", "afcars")]


def write(tmp_path, *records, count=None):
    path = tmp_path / "file.csv"
    path.write_text(HEADER.format(count=len(records) if count is None else count) + "".join(records))
    return path


def record(number, students, unit="", categories=",,", indicator="Y"):
    return f"{number},39,01,{unit},,FOSTER,{categories},{indicator},,{students}\n"


def test_total_of_a_state_is_read_beside_its_categories(tmp_path):
    detail, subtotal = record(1, 40, categories="WDIS,M,", indicator="N"), record(2, 90, categories="WDIS,,")
    path = write(tmp_path, detail, subtotal, record(3, 812))
    assert read_edfacts_count(path) == EdfactsCount("SEA FOSTER CARE ENROLLED", "2025-2026", 812, 1, 0)
    tabs = tmp_path / "tabs.tab"
    tabs.write_text(path.read_text().replace(",", "\t"), encoding="utf-8-sig")
    assert read_edfacts_count(tabs).students == 812


def test_totals_of_districts_are_added_and_missing_ones_told(tmp_path):
    path = write(tmp_path, record(1, 40, "D1"), record(2, -1, "D2"), record(3, 2, "D3"))
    count = read_edfacts_count(path)
    assert (count.students, count.units, count.missing) == (42, 3, 1)


@pytest.mark.parametrize(
    ("records", "count", "message"),
    [
        ((record(1, 812),), 2, "not whole"),
        ((record(1, 812, indicator="N"),), 1, "no total"),
        ((record(1, 812), record(2, 813)), 2, "repeats"),
        ((record(1, "many"),), 1, "whole number"),
        (("1,39,01\n",), 1, "fewer than"),
        ((record(1, 8, "D1"), record(2, 9, "D2").replace("FOSTER", "OTHER")), 2, "several tables"),
    ],
)
def test_wrong_files_are_refused_with_the_reason(tmp_path, records, count, message):
    with pytest.raises(FileError, match=message):
        read_edfacts_count(write(tmp_path, *records, count=count))


def test_what_is_no_edfacts_file_is_refused(tmp_path):
    path = tmp_path / "file.csv"
    for content in (b"", b"local_id,name\n1,x\n", b"\xff\xfe\x00", b'"' + b"x" * 200_000):
        path.write_bytes(content)
        with pytest.raises(FileError):
            read_edfacts_count(path)
    with pytest.raises(FileError):
        read_edfacts_count(tmp_path / "none.csv")


def make_tables():
    """Return ten children: numbers are persons, and records of agency and school."""
    tables = ChildTables("2026-06-15")
    agency = [(number, number, "cw", "ccwis", f"C{number}") for number in range(1, 9)]
    pupils = [(100 + number, number, "sis", "sis", f"S{number}") for number in (1, 2, 3, 4, 5, 6, 9, 10)]
    tables.add("record", [*agency, *pupils, (200, 2, "sis", "sis", "S2b")])
    stays = [(number, "foster_family_home", "2025-10-01", None) for number in (1, 2, 3, 7)]
    stays += [
        (4, "foster_family_home", "2024-01-01", "2025-09-01"),
        (5, "trial_home_visit", "2025-10-01", None),
    ]
    stays.append((6, "foster_family_home", "2024-01-01", "2025-01-01"))
    tables.add("placement", stays)
    flags = [(101, "foster_care", "ESSA", "2025-10-01", None), (109, "foster_care", "ESSA", None, None)]
    flags += [(101, "migrant", "I-C", "2025-08-15", None), (110, "migrant", "I-C", None, None)]
    flags += [(3, "migrant", "cw", None, None), (8, "migrant", "cw", None, None)]
    tables.add("flag", flags)
    return tables


def test_foster_care_of_a_year_is_compared_with_reasons_for_the_difference():
    compared = compare_count(make_tables(), SPECIFICATIONS["FS222"], 5, CARE, YEAR)
    assert compared.in_index == 4
    assert dict(compared.reasons) == {
        "of these: no school names foster care": 3,
        "of these: with several local IDs of a source": 1,
        "not counted: a school names foster care, no agency does": 1,
        "not counted: at home on trial, in care by AFCARS alone": 1,
        "not counted: in care, no school record is linked": 1,
    }
    assert (compared.least, compared.most) == (1, 8)


def test_flags_of_a_population_are_compared_by_who_states_them():
    compared = compare_count(make_tables(), SPECIFICATIONS["FS121"], 5, CARE, YEAR)
    assert compared.in_index == 2
    assert [count for _, count in compared.reasons] == [1, 0, 1, 1]
    assert (compared.least, compared.most) == (1, 4)


def test_report_tells_what_each_file_counts_and_what_is_missing():
    count = EdfactsCount("SCH ECONOMICALLY DISADVANTAGED", "2025-2026", 12, 3, 1)
    report = make_edfacts_report(make_tables(), [(SPECIFICATIONS["FS226"], count)], CARE, YEAR)
    figures = {row[1]: row[2] for row in report.rows}
    assert (figures["in the file"], figures["in the index"], figures["index less file"]) == (12, 0, -12)
    assert any("1 units report no count" in note for note in report.notes)
    assert report.number == 8


def test_a_sum_of_districts_may_count_a_child_once_for_each_district_but_not_for_a_registry():
    tables = make_tables()
    registry = [(400 + number, number, "usi", "state_id", f"U{number}") for number in range(1, 11)]
    tables.add("record", [*registry, (300, 1, "sis2", "sis", "S1b"), (301, 1, "sis3", "sis", "S1c")])
    specification = SPECIFICATIONS["FS222"]
    state = compare_count(tables, specification, 4, CARE, YEAR)
    districts = compare_count(tables, specification, 4, CARE, YEAR, is_summed=True)
    assert districts.reasons == (*state.reasons, ("of these: with records of several districts", 1))
    assert (districts.most, districts.least) == (state.most + 2, state.least)
    tables.add("record", [(302, 2, "sis", "sis", "S2c")])
    assert compare_count(tables, specification, 4, CARE, YEAR).most == state.most + 1

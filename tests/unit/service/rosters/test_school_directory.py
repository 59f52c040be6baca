"""Names of schools come from a file of the operator, and stand before their IDs."""

import os
from types import SimpleNamespace

import pytest

from mpi.api.pages.rendering.child_history import list_stays
from mpi.api.pages.rendering.record_values import format_record
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.service.persons.golden_record import GoldenValue
from mpi.service.rosters.school_directory import FILE_NAME, NO_SCHOOLS, load_school_directory

SCHOOLS = """district_id,district,school_id,name
D01,North School District,1042,Jefferson Elementary School
D02,South School District,1042,Lincoln Middle School
,,77,State Academy
"""


@pytest.fixture
def write_schools(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / FILE_NAME).write_bytes(text.encode(encoding))
        os.utime(tmp_path / FILE_NAME, ns=(write.made, write.made))
        write.made += 1
        return SimpleNamespace(home=tmp_path)

    write.made = 1
    return write


def test_a_school_is_named_by_its_district_and_id(write_schools):
    directory = load_school_directory(write_schools(SCHOOLS))
    enrollments = [
        {"district_id": "D01", "school_id": "1042", "grade": "4"},
        {"district_id": "D02", "school_id": "1042"},
        {"district_id": "D02", "school_id": "77"},
        {"school_id": "1042"},
    ]
    shown = format_record(directory.add_names({"enrollments": enrollments}), confidential=False)
    assert shown["enrollments"] == (
        "school Jefferson Elementary School (1042), district North School District (D01), grade 4; "
        "school Lincoln Middle School (1042), district South School District (D02); "
        "school State Academy (77), district South School District (D02); "
        "school 1042"
    )


def test_a_record_of_flat_columns_is_named_too(write_schools):
    directory = load_school_directory(write_schools(SCHOOLS, "utf-8-sig"))
    named = directory.add_names({"school_id": "77", "first_name": "Ana"})
    assert named == {"school_id": "State Academy (77)", "first_name": "Ana"}


def test_the_schools_of_a_child_are_named(write_schools):
    directory = load_school_directory(write_schools(SCHOOLS))
    value = {"district_id": "D01", "school_id": "1042", "entry_date": "2026-08-17"}
    golden = GoldenValue("enrollments", value, RecordRef("sis", "1"), "2026-01-01T00:00:00Z", "every")
    [stay] = list_stays([golden], "2026-11-29", directory)
    assert stay.place.startswith("school Jefferson Elementary School (1042)")


def test_without_the_file_ids_are_shown(tmp_path):
    assert load_school_directory(SimpleNamespace(home=tmp_path)) is NO_SCHOOLS
    assert NO_SCHOOLS.add_names({"school_id": "1042"}) == {"school_id": "1042"}


def test_a_changed_file_is_read_again(write_schools):
    load_school_directory(write_schools(SCHOOLS))
    directory = load_school_directory(write_schools("school_id,name\n5,New School\n"))
    assert directory.add_names({"school_id": "5"}) == {"school_id": "New School (5)"}


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("id,name\n1,A\n", "utf-8", "the column school_id is missing"),
        ("", "utf-8", "the column name is missing"),
        ("school_id,name\n1,Schule für alle\n", "latin-1", "cannot be read as CSV in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(write_schools, text, encoding, message):
    with pytest.raises(InputError, match=message):
        load_school_directory(write_schools(text, encoding))

"""The directory of points of contact, and where it is shown."""

from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError
from mpi.domain.viewer import Viewer
from mpi.service.directory.contact_file import (
    FILE_NAME,
    list_due_contacts,
    load_directory,
    parse_contacts,
    read_contacts,
)
from mpi.service.directory.contacts import ContactLevel
from mpi.service.rosters.children import read_children
from mpi.service.rosters.students import read_students
from tests.index import OPERATOR, open_test_index
from tests.rosters import add_sources, assign, caseworker, contact, put_child, put_student

HEADER = "level,code,organization,name,phone,email,owner,confirm_by,sources\n"
DISTRICT = "district,D01,North School District,Pat Doe,614-555-0101,,North services,2027-06-30,D01\n"
AGENCY = "agency,DCFS,Children Services,Desk,614-555-0102,,Agency desk,2026-01-31,CCWIS\n"
STATE = "state,,Department of Education,State desk,,care@state.example,State desk,2027-01-31,\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("directory")) as new_index:
        add_sources(new_index)
        put_student(new_index)
        put_child(new_index)
        assign(new_index, "c1")
        yield new_index


@pytest.fixture
def home(index):
    yield index.home
    (index.home / FILE_NAME).unlink(missing_ok=True)


def test_the_lists_name_whom_to_call(index, home):
    (home / FILE_NAME).write_text(HEADER + DISTRICT + AGENCY + STATE)
    roster = read_children(index, caseworker())
    assert roster.children[0].schools[0].contact.name == "Pat Doe"
    assert [each.name for each in roster.contacts] == ["State desk"]
    assert [each.name for each in read_students(index, contact()).contacts] == ["Desk", "State desk"]
    assert [each.code for each in list_due_contacts(read_contacts(index, OPERATOR))] == ["DCFS"]
    with clock.fixed_clock(clock.now() + timedelta(10_000)):
        assert len(list_due_contacts(read_contacts(index, OPERATOR))) == 3


def test_the_district_of_the_enrollment_comes_before_the_source():
    second = DISTRICT.replace("D01,North", "D02,South").replace("Pat Doe", "Sam Roe")
    directory = parse_contacts(HEADER + DISTRICT + second.replace(",D01\n", ",D02\n") + second)
    assert directory.find_for_school("D02", "D01").name == "Sam Roe"
    assert directory.find_for_school(None, "D01").name == "Pat Doe"
    assert directory.find_for_school("D99", "none") is None
    assert len(directory.list_level(ContactLevel.DISTRICT)) == 3


def test_lists_are_shown_without_contacts_if_the_file_is_damaged(index, home):
    (home / FILE_NAME).write_text("level\nstate\n")
    assert read_children(index, caseworker()).children[0].schools[0].contact is None
    with pytest.raises(InputError, match="line 1"):
        read_contacts(index, OPERATOR)
    (home / FILE_NAME).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_directory(home)


@pytest.mark.parametrize(("row", "fault"), [
    (DISTRICT.replace("district", "region"), "line 2, level"),
    (DISTRICT.replace("D01,North", ",North"), "line 2, code"),
    (DISTRICT.replace("614-555-0101", ""), "line 2, phone"),
    (DISTRICT.replace("2027-06-30", "June"), "line 2, confirm_by"),
    (DISTRICT.replace("North services", ""), "line 2, owner"),
    (DISTRICT.replace("Pat Doe", "P" * 201), "line 2, name"),
    (DISTRICT.replace(",D01\n", ",D01,more\n"), "more cells"),
    (DISTRICT.replace("Pat Doe", '"Pat'), "no CSV"),
    (DISTRICT * 10_001, "10,000 rows"),
])  # fmt: skip
def test_a_fault_of_the_file_is_named_without_its_values(row, fault):
    with pytest.raises(InputError, match=fault) as error:
        parse_contacts(HEADER + row)
    assert "Pat" not in str(error.value)


def test_who_works_with_nothing_reads_no_directory(index):
    with pytest.raises(AccessDenied):
        read_contacts(index, Viewer("nobody"))

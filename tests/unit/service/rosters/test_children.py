"""A caseworker's list: the children of the caseload, each with school or the reason why there is none."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.service.records.upsert import upsert
from mpi.service.rosters.caseload_intake import CaseloadRow, read_caseload_file, replace_caseload
from mpi.service.rosters.children import MissingSchool, export_children, read_children
from mpi.service.statements.sources import NewSource, add_source
from mpi.storage.repositories.rosters.caseloads import Caseworker
from tests.index import OPERATOR, expunge, make_child, open_test_index
from tests.rosters import (
    MARISOL,
    WORKER,
    add_sources,
    assign,
    caseworker,
    days_ago,
    in_care,
    make_terms,
    person_of,
    put_child,
    put_student,
)


@pytest.fixture
def index(tmp_path):
    with ExitStack() as stack:
        # The index is older than the stays of the children.
        with clock.fixed_clock(clock.now() - timedelta(60)):
            new_index = stack.enter_context(open_test_index(tmp_path))
        add_sources(new_index)
        yield new_index


def reason_of(index, **fields):
    """Return why a caseworker's only child has no school."""
    child = {**MARISOL, **{name: fields.pop(name) for name in ("birth_date",) if name in fields}}
    put_child(index, child=child, **fields)
    assign(index, "c1")
    [one] = read_children(index, caseworker()).children
    assert one.schools == ()
    return one.missing


def test_a_child_is_listed_with_the_school_of_today(index):
    put_student(index)
    eid = put_child(index).enterprise_id
    assign(index, "c1")
    roster = read_children(index, caseworker())
    [child] = roster.children
    assert (child.enterprise_id, child.first_name, child.in_care_since) == (eid, "Marisol", days_ago(30))
    [school] = child.schools
    assert (school.school_id, school.grade, school.days_enrolled) == ("1042", "07", 90)
    assert child.missing is None
    assert (roster.clock.known, roster.clock.limit, roster.clock.late) == (1, 3, 0)


def test_children_of_others_and_children_no_longer_in_care_are_not_listed(index):
    put_child(index)
    put_child(index, "c2", child={**MARISOL, "first_name": "Odalys", "last_name": "Trueblood"})
    assign(index, "c2", worker=Caseworker("other", "Another"))
    assert read_children(index, caseworker()).children == ()
    assign(index, "c1")
    assert len(read_children(index, caseworker()).children) == 1
    upsert(index, OPERATOR, "CCWIS", make_child("c1", **MARISOL, **in_care(days_ago(30), days_ago(1))))
    assert read_children(index, caseworker()).children == ()


def test_a_child_without_a_school_has_the_reason(index):
    assert reason_of(index) is MissingSchool.NO_CANDIDATE
    assert read_children(index, caseworker()).clock.late == 1
    assert reason_of(index, birth_date=days_ago(400)) is MissingSchool.NOT_OF_SCHOOL_AGE
    assert read_children(index, caseworker()).clock.late == 0


def test_a_child_whose_first_day_in_care_is_not_known_is_not_late(index):
    flag = {"population": "foster_care", "value": "Y", "definition": "ESSA"}
    assert reason_of(index, flags=[flag]) is MissingSchool.NO_CANDIDATE
    roster = read_children(index, caseworker())
    assert roster.children[0].in_care_since is None
    assert (roster.clock.late, roster.clock.open_by_reason) == (0, {MissingSchool.NO_CANDIDATE: 1})


@pytest.mark.parametrize(
    ("district", "reason"), [("private", "private-school"), ("out-of-state", "other-state")]
)
def test_child_welfare_may_state_that_the_school_is_outside(index, district, reason):
    stated = [{"district_id": district, "entry_date": days_ago(20)}]
    assert reason_of(index, enrollments=stated) == reason


def test_a_child_who_left_the_school_is_found_and_not_enrolled(index):
    put_student(index, exit_date=days_ago(2))
    assert reason_of(index) is MissingSchool.NOT_ENROLLED


@pytest.mark.parametrize("enrollments", [{}, {"enrollments": [{"school_id": "1042"}]}])
def test_the_state_id_registry_does_not_say_that_a_child_is_not_enrolled(index, enrollments):
    add_source(index, OPERATOR, NewSource("SSID", kind="state_id"))
    upsert(index, OPERATOR, "SSID", make_child("9", **MARISOL, **enrollments))
    put_child(index)
    assign(index, "c1")
    [child] = read_children(index, OPERATOR, "cal").children
    assert child.missing is MissingSchool.NO_CANDIDATE


def test_a_school_that_states_no_enrollment_does_not_say_that_the_child_left(index):
    upsert(index, OPERATOR, "D01", make_child("s1", **MARISOL))
    assert reason_of(index) is MissingSchool.NO_CANDIDATE


def test_a_school_is_withheld_under_a_protective_order(index):
    put_student(index)
    order = [{"kind": "protective_order", "begin": days_ago(5)}]
    assert reason_of(index, restrictions=order) is MissingSchool.WITHHELD


def test_a_school_whose_enrollments_are_not_disclosed_looks_as_if_it_did_not_exist(index):
    terms = make_terms()
    to_district, to_agency = terms.grants
    terms = replace(terms, grants=(to_district, replace(to_agency, output_fields=frozenset({"grade"}))))
    put_child(index)
    assign(index, "c1")
    without_record = read_children(index, caseworker(terms)).children
    put_student(index)
    assert read_children(index, caseworker(terms)).children == without_record
    assert without_record[0].missing is MissingSchool.NO_CANDIDATE
    assert len(ledger(index)[-1].record_ids) == 1


def test_a_question_is_told_only_to_who_may_see_every_record_of_the_school(index):
    """The school's record is not linked, so an agreement about children in care does not cover it."""
    put_student(index, child={**MARISOL, "first_name": "Josefina"})
    assert reason_of(index) is MissingSchool.NO_CANDIDATE
    [child] = read_children(index, caseworker(make_terms(of_schools="all"))).children
    assert child.missing is MissingSchool.IN_REVIEW


def test_siblings_of_the_household_who_are_in_care_are_shown_with_their_schools(index):
    put_child(index, household_ids=["H7"])
    brother = {**MARISOL, "first_name": "Tobias", "birth_date": "2010-02-02"}
    put_child(index, "c2", child=brother, household_ids=["H7"])
    put_child(index, "c3", child={**brother, "first_name": "Zadie", "birth_date": "2016-05-05"})
    put_student(index, "s2", child=brother, school_id="2042")
    assign(index, "c1")
    [child] = read_children(index, caseworker()).children
    [sibling] = child.siblings
    assert (sibling.first_name, sibling.schools[0].school_id) == ("Tobias", "2042")
    lines = ledger(index)
    assert len(lines[-1].record_ids) == 3


def ledger(index):
    with index.database.ledger.read(OPERATOR) as unit:
        return unit.disclosures.all()


@pytest.mark.parametrize("role", [Role.POINT_OF_CONTACT, Role.AGENCY_HEAD, Role.STEWARD])
def test_other_roles_have_no_caseload(index, role):
    purpose = "program_evaluation" if role is Role.AGENCY_HEAD else "school_stability"
    with pytest.raises(AccessDenied):
        read_children(index, person_of(role, purpose, name=WORKER.code))


def test_taking_the_list_away_is_a_right_of_its_own(index):
    put_child(index)
    assign(index, "c1")
    with pytest.raises(AccessDenied):
        export_children(index, caseworker())
    assert len(export_children(index, caseworker(None, Action.ROSTER_EXPORT)).children) == 1
    assert ledger(index)[-1].action == "roster.export"


def test_an_expunged_child_leaves_the_caseload(index):
    put_child(index)
    assign(index, "c1")
    expunge(index, "CCWIS", make_child("c1", **MARISOL))
    roster = read_children(index, caseworker())
    assert (roster.children, roster.is_known) == ((), False)


def test_a_caseload_is_replaced_whole_and_the_same_twice_changes_nothing(index):
    put_child(index)
    put_child(index, "c2", child={**MARISOL, "first_name": "Odalys", "last_name": "Trueblood"})
    first = assign(index, "c1", "unknown")
    assert (first.begun, first.ended, first.unknown) == (1, 0, 1)
    again = assign(index, "c1")
    assert (again.begun, again.ended, again.unchanged) == (0, 0, 1)
    other = assign(index, "c2")
    assert (other.begun, other.ended) == (1, 1)


def test_a_file_that_drops_most_children_needs_a_confirmation(index):
    local_ids = [f"c{number}" for number in range(30)]
    for number, local_id in enumerate(local_ids):
        word = chr(97 + number % 26) * 4 + chr(97 + number // 26) * 3
        put_child(
            index,
            local_id,
            child={
                "first_name": word,
                "last_name": word[::-1],
                "birth_date": f"2012-01-{number % 28 + 1:02}",
            },
        )
    assign(index, *local_ids)
    with pytest.raises(ConflictError):
        assign(index, "c1")
    assert assign(index, "c1", is_confirmed=True).ended == 29


@pytest.mark.parametrize("text", [
    "local_id,caseworker\n", "local_id,caseworker,name,ssn\n", "local_id,caseworker,name\n,cal,Cal\n",
    "local_id,caseworker,name\nc1,cal,Cal,x,y\n", 'local_id,caseworker,name\n"c1,cal\n',
])  # fmt: skip
def test_a_faulty_caseload_file_is_refused_and_nothing_of_it_is_told(text):
    with pytest.raises(InputError) as error:
        read_caseload_file(text)
    assert "c1" not in str(error.value)


def test_a_caseload_belongs_to_child_welfare(index):
    with pytest.raises(InputError):
        replace_caseload(index, OPERATOR, "D01", [CaseloadRow("s1", WORKER)])
    with pytest.raises(AccessDenied):
        replace_caseload(index, caseworker(make_terms()), "CCWIS", [])

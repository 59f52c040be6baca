"""A point of contact's list: the district's own students who are in care today, and nobody else."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from mpi.domain import clock
from mpi.domain.children.items import ItemKind
from mpi.domain.errors import AccessDenied
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.rosters.item_file import read_item_file
from mpi.service.rosters.item_intake import store_items
from mpi.service.rosters.students import Show, count_students, export_students, read_students
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.storage.tables import CarePeriodRow, CareRosterRow, EnrollmentPeriodRow, table_of
from tests.index import OPERATOR, expunge, load_rows, make_child, open_test_index
from tests.rosters import (
    MARISOL,
    WORKER,
    add_sources,
    assign,
    contact,
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


def names(index, viewer=None, show=Show.ALL):
    return [one.record.local_id for one in read_students(index, viewer or contact(), show).students]


def test_a_student_in_care_is_listed_with_school_and_caseworker(index):
    put_student(index)
    eid = put_child(index).enterprise_id
    assign(index, "c1")
    roster = read_students(index, contact())
    [student] = roster.students
    assert (student.enterprise_id, student.first_name, student.last_name) == (eid, "Marisol", "Quennell")
    assert (student.school_id, student.grade, student.days_enrolled) == ("1042", "07", 90)
    assert (student.in_care_since, student.school_of_origin) == (days_ago(30), "1042")
    assert student.is_in_school_of_origin
    assert student.caseworker == WORKER
    assert roster.schools == ("D01",)
    assert roster.is_covered


def test_neither_other_students_nor_other_children_in_care_are_listed(index):
    put_student(index)
    put_student(index, "s2", child={**MARISOL, "first_name": "Odalys", "last_name": "Trueblood"})
    put_student(index, "x1", "D02", child={**MARISOL, "first_name": "Zadie", "last_name": "Farrow"})
    put_child(index, "c9", child={**MARISOL, "first_name": "Zadie", "last_name": "Farrow"})
    put_child(index, "c7", child={**MARISOL, "first_name": "Ingmar", "last_name": "Solo"})
    assert names(index) == []
    put_child(index)
    assert names(index) == ["s1"]


def test_a_child_with_two_records_of_a_district_is_one_student(index):
    put_student(index)
    put_student(index, "s2", school_id="2042", entry_date=days_ago(10))
    put_child(index)
    row = f"local_id,as_of,records_requested\ns1,{days_ago(1)},{days_ago(2)}\n"
    store_items(index, OPERATOR, "D01", read_item_file(row))
    roster = read_students(index, contact())
    [student] = roster.students
    assert (student.record.local_id, student.school_id) == ("s2", "2042"), "the enrollment that began last"
    assert (student.school_of_origin, student.is_in_school_of_origin) == ("1042", False)
    assert [(item.kind, item.is_missing) for item in student.items] == [
        (ItemKind.RECORDS_REQUESTED, False), (ItemKind.RECORDS_RECEIVED, True),
    ]  # fmt: skip
    assert (roster.counts[Show.ALL], roster.clock.known) == (1, 1)
    assert count_students(index, contact())[0][Show.ALL] == 1
    assert len(ledger(index)[-1].record_ids) == 3
    with at(1):
        put_student(index, "s2", exit_date=days_ago(0))
        assert names(index) == ["s1"]
        assert names(index, show=Show.NEW) == []
        upsert(index, OPERATOR, "CCWIS", make_child("c1", **MARISOL, **in_care(days_ago(31), days_ago(0))))
        left = read_students(index, contact(), Show.LEFT)
        assert (len(left.students), left.counts[Show.LEFT]) == (1, 1)


def test_a_child_who_left_care_or_school_is_not_listed(index):
    put_student(index)
    put_child(index)
    upsert(index, OPERATOR, "CCWIS", make_child("c1", **MARISOL, **in_care(days_ago(30), days_ago(1))))
    assert names(index) == []
    put_child(index)
    assert names(index) == ["s1"]
    put_student(index, exit_date=days_ago(1))
    assert names(index) == []
    put_student(index, entry_date=(clock.now().date() + timedelta(2)).isoformat())
    assert names(index) == []


def test_a_child_in_care_by_a_placement_alone_needs_an_agreement_about_placements(index):
    put_student(index)
    put_child(index, flags=[], placements=[{"type": "kinship", "begin": days_ago(9)}])
    assert names(index) == []
    assert names(index, contact(make_terms("all"))) == []
    permitted = make_terms("all", {"flags.foster_care", "placements"})
    assert names(index, contact(permitted)) == ["s1"]


def test_the_agreement_decides_whether_there_is_a_list_and_what_it_holds(index):
    put_student(index)
    put_child(index)
    assign(index, "c1")
    [student] = read_students(index, contact(make_terms(to_district={"flags.foster_care"}))).students
    assert student.caseworker is None
    silent = read_students(index, contact(make_terms(to_district={"first_name"})))
    assert (silent.students, silent.is_covered, silent.counts[Show.ALL]) == ((), False, 0)


@pytest.mark.parametrize("role", [Role.STEWARD, Role.ANALYST, Role.HOMELESS_LIAISON, Role.AGENCY_HEAD])
def test_other_roles_have_no_list(index, role):
    purpose = "program_evaluation" if role in (Role.ANALYST, Role.AGENCY_HEAD) else "school_stability"
    with pytest.raises(AccessDenied):
        read_students(index, person_of(role, purpose))


def test_taking_the_list_away_is_a_right_of_its_own(index):
    put_student(index)
    put_child(index)
    with pytest.raises(AccessDenied):
        export_students(index, contact())
    taken = export_students(index, contact(None, Action.ROSTER_EXPORT))
    assert len(taken.students) == 1
    assert ledger(index)[-1].action == "roster.export"


def ledger(index):
    with index.database.ledger.read(OPERATOR) as unit:
        return unit.disclosures.all()


def test_every_row_that_is_read_is_on_the_ledger(index):
    put_student(index)
    put_child(index)
    for number in (2, 3):
        child = {**MARISOL, "first_name": f"Kid{'ab'[number - 2]}", "last_name": f"Other{'xy'[number - 2]}"}
        put_student(index, f"s{number}", child=child)
        put_child(index, f"c{number}", child=child)
    roster = read_students(index, contact(), size=2)
    assert (len(roster.students), roster.next, roster.counts[Show.ALL]) == (2, 2, 3)
    line = ledger(index)[-1]
    assert (line.client, line.purpose, line.action) == ("pat", "school_stability", "roster.read")
    assert len(line.record_ids) == 4
    assert "flags.foster_care" in line.fields
    assert read_students(index, contact(), first=2, size=2).next is None
    assert len(ledger(index)[-1].record_ids) == 2


def at(days):
    return clock.fixed_clock(clock.now() + timedelta(days))


def test_new_students_are_those_who_were_not_listed_at_the_last_visit(index):
    put_student(index)
    put_child(index)
    first = read_students(index, contact())
    assert (first.last_visit, first.counts[Show.NEW]) == (None, 0)
    other = {**MARISOL, "first_name": "Odalys", "last_name": "Trueblood"}
    put_student(index, "s2", child=other)
    put_child(index, "c2", child=other, since=days_ago(200))
    today = clock.today()
    with at(1):
        later = read_students(index, contact())
        assert later.last_visit == today
        assert [one.record.local_id for one in later.students if one.is_new] == ["s2"]
        assert [one.record.local_id for one in read_students(index, contact(), Show.NEW).students] == ["s2"]
    with at(2):
        assert read_students(index, contact()).counts[Show.NEW] == 0


def test_entries_and_exits_of_the_week_are_shown(index):
    put_student(index)
    put_child(index, since=days_ago(3))
    assert names(index, show=Show.ENTERED) == ["s1"]
    with at(1):
        ends = in_care(days_ago(4), days_ago(0))
        upsert(index, OPERATOR, "CCWIS", make_child("c1", **MARISOL, **ends))
        [left] = read_students(index, contact(), Show.LEFT).students
        assert (left.record.local_id, left.in_care_since, left.caseworker) == ("s1", None, None)
        assert names(index) == []
        stranger = person_of(Role.POINT_OF_CONTACT, "school_stability", name="new-contact")
        assert read_students(index, stranger, Show.LEFT).students == ()


def test_a_visit_that_could_show_nobody_is_none(index):
    put_student(index)
    put_child(index)
    assert not read_students(index, contact(make_terms(to_district={"first_name"}))).is_covered
    with at(1):
        roster = read_students(index, contact())
        assert (roster.last_visit, roster.counts[Show.ALL], roster.counts[Show.NEW]) == (None, 1, 0)


@pytest.mark.parametrize("visited_under", [
    make_terms("all", {"first_name"}), make_terms("all", {"flags.foster_care"}),
])  # fmt: skip
def test_a_child_whom_no_visit_showed_does_not_leave_the_list(index, visited_under):
    put_student(index)
    stay = {"type": "kinship", "begin": days_ago(9)}
    put_child(index, flags=[], placements=[stay])
    assert names(index, contact(visited_under)) == []
    with at(1):
        put_child(index, flags=[], placements=[{**stay, "end": days_ago(0)}])
        broader = contact(make_terms("all", {"flags.foster_care", "placements"}))
        assert read_students(index, broader, Show.LEFT).students == ()


def test_visits_of_an_account_do_not_count_for_another_district(index):
    put_student(index)
    put_student(index, "x1", "D02")
    put_child(index)
    assert names(index) == ["s1"]
    with at(1):
        upsert(index, OPERATOR, "CCWIS", make_child("c1", **MARISOL, **in_care(days_ago(31), days_ago(0))))
        assert names(index, show=Show.LEFT) == ["s1"]
        terms = make_terms()
        agency, district = terms.parties
        terms = replace(terms, parties=(agency, replace(district, sources=frozenset({"D02"}))))
        caller = Caller("pat", frozenset(), frozenset({"CCWIS", "D02"}), terms.code, 1, Role.POINT_OF_CONTACT)
        elsewhere = build_viewer(caller, "school_stability", terms, clock.now().date())
        roster = read_students(index, elsewhere, Show.LEFT)
        assert (roster.is_covered, roster.students, roster.last_visit) == (True, (), None)


def test_a_sealed_or_expunged_child_leaves_without_a_mark(index):
    put_student(index)
    put_child(index)
    assert names(index) == ["s1"]
    expunge(index, "CCWIS", make_child("c1", **MARISOL))
    with at(1):
        for show in Show:
            assert names(index, show=show) == []
    with index.database.read(OPERATOR) as unit:
        assert unit.care_rosters.find_schools([1, 2]) == []
    assert verify(index, OPERATOR) == []


def test_the_list_follows_steps_undo_and_withdrawals(index):
    put_student(index)
    eid = put_child(index).enterprise_id
    split(index, OPERATOR, eid, [[RecordRef("D01", "s1")], [RecordRef("CCWIS", "c1")]], StepOptions("test"))
    assert names(index) == []
    withdraw(index, OPERATOR, "D01", "s1")
    assert verify(index, OPERATOR) == []


def test_the_list_follows_loads_and_their_undo(index):
    put_student(index)
    receipt = load_rows(index, "CCWIS", make_child("c1", **MARISOL, **in_care(days_ago(5))))
    assert names(index) == ["s1"]
    undo_load(index, OPERATOR, receipt.batch, "test")
    assert names(index) == []
    assert verify(index, OPERATOR) == []


def test_a_rebuild_mends_a_wrong_list(index):
    put_student(index)
    put_child(index)
    with index.database.write(OPERATOR, "test") as unit:
        for table in (CareRosterRow, CarePeriodRow, EnrollmentPeriodRow):
            unit.connection.execute(delete(table_of(table)))
    assert names(index) == []
    assert [finding.law for finding in verify(index, OPERATOR)] == [1]
    rebuild(index, OPERATOR)
    assert names(index) == ["s1"]
    assert verify(index, OPERATOR) == []


def test_days_until_the_school_was_known_are_measured_against_the_clock(index):
    put_student(index)
    put_child(index, since=days_ago(10))
    other = {**MARISOL, "first_name": "Odalys", "last_name": "Trueblood"}
    put_student(index, "s2", child=other)
    put_child(index, "c2", child=other, since=days_ago(2))
    figures = read_students(index, contact(make_terms(days=5))).clock
    assert (figures.known, figures.median, figures.p90, figures.limit) == (2, 2, 10, 5)

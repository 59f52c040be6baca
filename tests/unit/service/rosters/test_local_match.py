"""Local match: what a registrar with a placement letter is told, and what nobody learns by guessing."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied, NotFoundError, RecordError, SearchLimitError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.policy.agreement import Grant
from mpi.policy.parties import ALL
from mpi.service.records.upsert import upsert
from mpi.service.rosters.enroll_today import StatedBy, read_enrollment_start
from mpi.service.rosters.local_match import LetterAnswer, PlacementLetter, check_letter
from mpi.service.rosters.own_students import StudentQuery, StudentState
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.merge_split_move import StepOptions, split
from tests.agreements import make_care_terms
from tests.index import OPERATOR, expunge, make_child, open_test_index, with_settings
from tests.rosters import (
    MARISOL,
    WORKER,
    add_sources,
    assign,
    days_ago,
    in_care,
    make_terms,
    person_of,
    put_child,
    put_student,
)

YES, NO, WAITING = LetterAnswer
S1 = StudentQuery(local_id="s1")
C1 = PlacementLetter(client_number="c1")
OTHER = {**MARISOL, "first_name": "Odalys", "last_name": "Trueblood"}
SIMILAR = {**MARISOL, "birth_date": "2013-07-05"}


@pytest.fixture
def index(tmp_path):
    with ExitStack() as stack:
        with clock.fixed_clock(clock.now() - timedelta(60)):
            new_index = stack.enter_context(open_test_index(tmp_path))
        add_sources(new_index)
        yield new_index


def registrar(terms=None, name="rae"):
    return person_of(Role.REGISTRAR, "school_stability", terms or make_terms(), name=name)


def ask(index, query=S1, letter=C1, viewer=None):
    return check_letter(index, viewer or registrar(), query, letter)


def ledger(index):
    with index.database.ledger.read(OPERATOR) as unit:
        return unit.disclosures.all()


def test_the_right_number_of_an_own_student_in_care_is_answered_yes(index):
    put_student(index)
    put_child(index, household_ids=["H1"])
    by_name = StudentQuery(first_name=" marisol", last_name="QUENNELL", birth_date="07/04/2013")
    for query in (S1, by_name):
        for letter in (C1, PlacementLetter(case_number="H1")):
            check = ask(index, query, letter)
            assert (check.answer, check.student) == (YES, RecordRef("D01", "s1"))
    line = ledger(index)[-1]
    assert (line.client, line.action) == ("rae", "local.match")
    assert line.fields[:2] == ("local_match", "flags.foster_care")
    assert len(line.record_ids) == 2


def test_all_that_is_no_looks_alike_and_names_no_child_on_the_ledger(index):
    put_student(index)
    put_student(index, "s2", child=OTHER)
    put_child(index)
    put_child(index, "c2", child=OTHER)
    put_child(index, "left", child={**MARISOL, "first_name": "Zadie", "last_name": "Farrow"})
    upsert(index, OPERATOR, "CCWIS", make_child("left", **OTHER, **in_care(days_ago(30), days_ago(1))))
    answers = {
        number: ask(index, letter=PlacementLetter(client_number=number))
        for number in ("c2", "left", "unknown")
    }
    assert {check.answer for check in answers.values()} == {NO}
    assert len(set(answers.values())) == 1
    lines = ledger(index)[-3:]
    assert len({(line.record_ids, line.fields) for line in lines}) == 1
    assert len(lines[0].record_ids) == 1


def test_a_sealed_or_expunged_child_is_no_and_an_earlier_yes_opens_nothing(index):
    put_student(index)
    put_child(index)
    assert ask(index).answer is YES
    assert read_enrollment_start(index, registrar(), S1).first_name == "Marisol"
    expunge(index, "CCWIS", make_child("c1", **MARISOL))
    assert ask(index).answer is NO
    with pytest.raises(NotFoundError, match="check the letter first"):
        read_enrollment_start(index, registrar(), S1)


def test_only_an_own_student_who_is_enrolled_is_answered(index):
    put_student(index, "x1", "D02")
    put_child(index)
    assert ask(index, StudentQuery(local_id="x1")).student_state is StudentState.UNKNOWN
    put_student(index, exit_date=days_ago(1))
    check = ask(index)
    assert (check.answer, check.student_state) == (NO, StudentState.NOT_ENROLLED)
    put_student(index)
    put_student(index, "s9")
    by_name = StudentQuery(**MARISOL)
    assert ask(index, by_name).student_state is StudentState.SEVERAL
    assert ask(index, StudentQuery(local_id="s1", source="D02")).answer is NO


def make_matching_terms(**fields):
    """Return terms by which the school may also compare some fields of the agency's records."""
    return make_care_terms(
        Grant("agency", "district", "foster_care", "state_statute", frozenset({"school_stability"}),
              frozenset({"flags.foster_care"}), frozenset(fields.get("matching", {ALL}))),
        Grant("district", "agency", "all", "ferpa_caseworker", frozenset({"case_planning"}),
              frozenset({ALL}), frozenset()),
    )  # fmt: skip


def test_children_whom_a_steward_told_apart_are_answered_no(index):
    put_student(index)
    put_child(index)
    person = put_student(index).enterprise_id
    split(
        index, OPERATOR, person, [[RecordRef("D01", "s1")], [RecordRef("CCWIS", "c1")]], StepOptions("test")
    )
    viewer = registrar(make_matching_terms())
    assert ask(index, viewer=viewer).answer is NO


def test_an_undecided_pair_is_waiting_as_far_as_the_school_may_compare(index):
    put_student(index, child=SIMILAR)
    put_child(index)
    viewer = registrar(make_matching_terms())
    check = ask(index, viewer=viewer)
    assert check.answer is WAITING
    assert "flags.foster_care" not in ledger(index)[-1].fields
    assert ask(index, viewer=registrar(make_matching_terms(matching={"sex"}))).answer is NO
    groups = ((RecordRef("D01", "s1"),), (RecordRef("CCWIS", "c1"),))
    decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, groups, "different-children"))
    assert ask(index, viewer=viewer).answer is NO


def test_the_agreement_decides_whether_anything_is_told(index):
    put_student(index)
    put_child(index)
    check = ask(index, viewer=registrar(make_terms(to_district={"first_name"})))
    assert (check.answer, check.is_covered) == (NO, False)
    for role in (Role.CASEWORKER, Role.STEWARD, Role.HOMELESS_LIAISON, Role.ANALYST):
        purpose = "program_evaluation" if role is Role.ANALYST else "school_stability"
        with pytest.raises(AccessDenied):
            ask(index, viewer=person_of(role, purpose))


def test_tries_are_limited_for_each_person_and_for_each_student(index):
    put_student(index)
    put_student(index, "s2", child=OTHER)
    put_child(index)
    limits = index.settings.search_limits
    wrong = PlacementLetter(client_number="wrong")
    for number in range(limits.letters_per_child):
        ask(index, letter=wrong, viewer=registrar(name=f"rae-{number}"))
    with pytest.raises(SearchLimitError, match="for this student"):
        ask(index)
    lines = len(ledger(index))
    with pytest.raises(SearchLimitError):
        ask(index)
    assert len(ledger(index)) == lines
    assert ask(index, StudentQuery(local_id="s2"), wrong).answer is NO
    few = with_settings(index, search_limits=type(limits)(letters_per_day=2))
    ask(few, StudentQuery(local_id="nobody"), wrong)
    with pytest.raises(SearchLimitError, match="within a day"):
        ask(few, StudentQuery(local_id="s2"), wrong)
    with clock.fixed_clock(clock.now() + timedelta(days=1, seconds=1)):
        assert ask(index).answer is YES


@pytest.mark.parametrize(
    ("query", "letter"),
    [
        (StudentQuery(), C1),
        (StudentQuery(first_name="Marisol", last_name="Quennell", birth_date="2013"), C1),
        (StudentQuery(local_id="s\x001"), C1),
        (S1, PlacementLetter()),
        (S1, PlacementLetter("c1", "H1")),
        (S1, PlacementLetter(" ")),
        (S1, PlacementLetter("9" * 201)),
    ],
)
def test_incomplete_or_hostile_input_is_refused_by_field(index, query, letter):
    with pytest.raises(RecordError):
        ask(index, query, letter)


def test_enroll_today_tells_last_school_office_and_caseworker(index):
    put_student(
        index,
        school_id="2001",
        entry_date=days_ago(1),
    )
    (index.home / "schools.csv").write_text(
        "district_id,school_id,name,registrar,phone,email\n"
        "D77,1042,Jefferson,Ann Lee,614-555-0199,a@d77.example\n",
        encoding="utf-8",
    )
    stated = {"school_id": "1042", "district_id": "D77", "grade": "06", "entry_date": days_ago(400)}
    put_child(index, enrollments=[stated])
    assign(index, "c1")
    terms = make_terms(to_district={"flags.foster_care", "caseworker", "enrollments"})
    with pytest.raises(NotFoundError):
        read_enrollment_start(index, registrar(terms), S1)
    ask(index, viewer=registrar(terms))
    start = read_enrollment_start(index, registrar(terms), S1)
    assert (start.first_name, start.school_id, start.caseworker) == ("Marisol", "2001", WORKER)
    last = start.last_school
    assert (last.school_id, last.grade, last.stated_by) == ("1042", "06", StatedBy.CHILD_WELFARE)
    assert last.office.email == "a@d77.example"
    line = ledger(index)[-1]
    assert (line.action, len(line.record_ids)) == ("enrollment.read", 2)
    assert {"enrollments", "caseworker"} <= set(line.fields)
    ask(index, viewer=registrar())
    silent = read_enrollment_start(index, registrar(make_terms(to_district={"flags.foster_care"})), S1)
    assert (silent.last_school, silent.caseworker) == (None, None)
    with pytest.raises(NotFoundError):
        read_enrollment_start(index, registrar(terms, "colleague"), S1)


def test_the_last_school_is_found_by_dates_with_slashes(index):
    earlier = [
        {"school_id": school, "entry_date": entered, "exit_date": left}
        for school, entered, left in (("7", "12/1/2023", "2/1/2024"), ("1042", "2/1/2024", "6/1/2024"))
    ]
    to_come = {"school_id": "9", "entry_date": "1/5/2091"}
    present = {"school_id": "2001", "grade": "07", "entry_date": days_ago(20)}
    record = make_child("s1", **MARISOL, enrollments=[*earlier, to_come, present])
    upsert(index, OPERATOR, "D01", record)
    put_child(index)
    ask(index)
    last = read_enrollment_start(index, registrar(), S1).last_school
    assert (last.school_id, last.entry_date, last.exit_date) == ("1042", "2024-02-01", "2024-06-01")


def test_the_earlier_school_of_the_own_district_is_the_last_school(index):
    earlier = {"school_id": "1042", "grade": "06", "entry_date": days_ago(400), "exit_date": days_ago(20)}
    present = {"school_id": "2001", "grade": "07", "entry_date": days_ago(20)}
    upsert(index, OPERATOR, "D01", make_child("s1", **MARISOL, enrollments=[present, earlier]))
    put_child(index)
    ask(index)
    last = read_enrollment_start(index, registrar(), S1).last_school
    assert (last.school_id, last.stated_by) == ("1042", StatedBy.SCHOOL)


def test_a_confidential_address_withholds_the_last_school(index):
    put_student(index, school_id="2001", entry_date=days_ago(1))
    stated = {"school_id": "1042", "entry_date": days_ago(400)}
    put_child(index, enrollments=[stated], restrictions=[{"kind": "address_confidential"}])
    terms = make_terms(to_district={"flags.foster_care", "enrollments"})
    ask(index, viewer=registrar(terms))
    start = read_enrollment_start(index, registrar(terms), S1)
    assert (start.last_school, start.is_withheld) == (None, True)

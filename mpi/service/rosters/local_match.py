"""Local match: whether a school's own student is a placement letter's child.

A school holds a letter of child welfare with the child's client or case number. It names its own student and
that number, and is answered yes, no or waiting. Nothing is listed. An answer other than no needs a right
number of a child who is in care today and whom the agreement discloses. All other cases are answered no, in
the same words: an unknown number, a number of another child, a child who left care.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import RecordError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import build_disclosure
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_visible_records, visible_labels
from mpi.service.persons.search import weigh_record
from mpi.service.rosters.coverage import Coverage, find_coverage
from mpi.service.rosters.letter_limits import disclose_letter, require_letters_left
from mpi.service.rosters.own_students import (
    OwnStudent,
    StudentQuery,
    StudentState,
    clean_text,
    find_own_student,
)
from mpi.service.statements.care_times import make_household_token
from mpi.storage.repositories.rosters.care_rosters import RosterRow
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import ReadUnit

ANSWER_FIELD, CARE_FIELD = "local_match", "flags.foster_care"
"""Names on the ledger of the answer, and of what a yes tells."""


class LetterAnswer(StrEnum):
    """Whether an own student is the child of a placement letter."""

    YES = "yes"
    NO = "no"
    WAITING = "waiting"
    """The records are alike and not linked: a steward has to decide."""


@dataclass(frozen=True, slots=True)
class PlacementLetter:
    """Number by which a placement letter names the child.

    Exactly one of the two is given.

    Args:
        client_number: child welfare's own number of the child.
        case_number: its number of the case or household.
    """

    client_number: str | None = None
    case_number: str | None = None


@dataclass(frozen=True, slots=True)
class LetterCheck:
    """The answer to a check of a placement letter.

    Args:
        answer: yes, no or waiting.
        student: the school's own record; None where no single one is named, or it may not be told.
        student_state: whether the student is one of the viewer's own; None where it may not be told.
        is_covered: whether the agreement lets the viewer know who is in care at all.
    """

    answer: LetterAnswer
    student: RecordRef | None = None
    student_state: StudentState | None = None
    is_covered: bool = False


def check_letter(index: Index, viewer: Viewer, query: StudentQuery, letter: PlacementLetter) -> LetterCheck:
    """Return whether a viewer's own student is a placement letter's child.

    Args:
        index: the open index.
        viewer: who asks: a registrar, a point of contact, or a program of the school.
        query: the school's own student.
        letter: the number on the letter.

    Raises:
        AccessDenied: the viewer may not check placement letters.
        RecordError: no student or no number is given, or both numbers are.
        SearchLimitError: too many letters were checked; nothing is told of this one.
    """
    require_permission(viewer, Action.LOCAL_MATCH)
    with index.database.read(viewer) as unit:
        require_letters_left(unit, index)
        coverage = find_coverage(unit, Action.LOCAL_MATCH)
        children = _find_children(unit, index, coverage, letter)
        student = find_own_student(unit, index, query)
        answer, told = _answer(unit, index, coverage, student, children)
    own = () if student.record_id is None else (student.record_id,)
    fields = (ANSWER_FIELD, *((CARE_FIELD,) if answer is LetterAnswer.YES else ()))
    line = build_disclosure(viewer, Action.LOCAL_MATCH, {*own, *told}, fields)
    disclose_letter(index, viewer, line, student.record_id if student.may_be_told else None)
    may_name = student.may_be_told or answer is not LetterAnswer.NO
    return LetterCheck(
        answer=answer,
        student=student.label if may_name else None,
        student_state=student.state if may_name else None,
        is_covered=bool(coverage.cares),
    )


def find_confirmed(
    unit: ReadUnit, coverage: Coverage, student: int, children: Collection[int]
) -> frozenset[int]:
    """Return the child-welfare records of a student who is in care.

    The student is enrolled today.

    Args:
        unit: the transaction of the viewer.
        coverage: sources that the viewer's agreement discloses.
        student: record of the student.
        children: child-welfare records of which some may be the student's.
    """
    today = clock.today()
    linked = {
        row.care_record_id
        for row in unit.care_rosters.find_cares(student)
        if row.care_record_id in children and _is_current(row, today) and _covers(coverage, row)
    }
    return frozenset(visible_labels(unit, linked))


def _is_current(row: RosterRow, day: str) -> bool:
    return row.care_begin <= day < row.care_end and row.enrolled_begin <= day < row.enrolled_end


def _covers(coverage: Coverage, row: RosterRow) -> bool:
    return row.care_source_id in coverage.cares and coverage.covers(row)


def _find_children(
    unit: ReadUnit, index: Index, coverage: Coverage, letter: PlacementLetter
) -> frozenset[int]:
    """Return the records in care today that a letter's number names.

    Those that the viewer may not know of are left out.

    Raises:
        RecordError: no number is given, or both are.
    """
    if (letter.client_number is None) == (letter.case_number is None):
        raise RecordError(
            "client_number", "missing", "give the client number or the case number, one of them"
        )
    if letter.client_number is not None:
        number = clean_text("client_number", letter.client_number)
        named = {
            record.id
            for source_id in coverage.cares
            for record in find_visible_records(unit, source_id, {number}).values()
        }
        times = unit.caseloads.care_times(named)
    else:
        number = clean_text("case_number", letter.case_number or "")
        tokens = {
            make_household_token(index.keyed_hash, source, number) for source, _ in coverage.cares.values()
        }
        times = unit.caseloads.care_times_of_households(tokens, coverage.cares.keys())
    today = clock.today()
    sources = unit.records.source_ids_of({time.record_id for time in times})
    in_care = {
        time.record_id
        for time in times
        if time.begin <= today < time.end and time.kind in coverage.cares[sources[time.record_id]][1]
    }
    return frozenset(visible_labels(unit, in_care))


def _answer(
    unit: ReadUnit, index: Index, coverage: Coverage, student: OwnStudent, children: frozenset[int]
) -> tuple[LetterAnswer, frozenset[int]]:
    """Return the answer, with the child-welfare records of which it tells."""
    record_id = student.record_id
    if record_id is None or student.state is not StudentState.FOUND:
        return LetterAnswer.NO, frozenset()
    confirmed = find_confirmed(unit, coverage, record_id, children)
    if confirmed:
        return LetterAnswer.YES, confirmed
    alike = _find_undecided(unit, index, record_id, children)
    return (LetterAnswer.WAITING, alike) if alike else (LetterAnswer.NO, frozenset())


def _find_undecided(unit: ReadUnit, index: Index, student: int, children: frozenset[int]) -> frozenset[int]:
    """Return the children's records that are like the student's.

    Those about whom somebody has decided are left out.

    The two records are compared as the viewer may compare them. An open question is not looked for: it may
    have come from a third record, which the viewer must not learn of.
    """
    weights = weigh_record(unit, index, student, children)
    review = index.matcher.model.thresholds.review
    alike = {record for record, bits in weights.items() if bits >= review}
    persons = unit.persons.current_persons([student, *alike])
    members = unit.persons.members(set(persons.values()))
    return frozenset(
        record
        for record in alike
        if persons.get(record) != persons.get(student)
        and not _are_told_apart(
            unit, _members_of(members, persons, student), _members_of(members, persons, record)
        )
    )


def _members_of(
    members: Mapping[int, Collection[int]], persons: Mapping[int, int], record: int
) -> frozenset[int]:
    return frozenset(members.get(persons.get(record, -1), ())) | {record}


def _are_told_apart(unit: ReadUnit, left: frozenset[int], right: frozenset[int]) -> bool:
    """Return whether a decision tells two persons' records apart.

    It is in force, and the records are visible.
    """
    visible = visible_labels(unit, left | right).keys()
    for decision in unit.decisions.of_records(left & visible).values():
        if decision.kind is not DecisionKind.DIFFERENT or decision.status is not DecisionStatus.IN_FORCE:
            continue
        groups = [set(group) & visible for group in decision.groups]
        if any(group & left and other & right for group in groups for other in groups if group is not other):
            return True
    return False

"""My students in care: the list of a district's point of contact.

A child is on it while a record of the district says "enrolled" and a record of child welfare, of the same
person, says "in care". Newest stays come first.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from mpi.domain import clock
from mpi.domain.record import CanonicalRecord, Enrollment
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.tiers import CASEWORKER_FIELD
from mpi.service.core.confidential_addresses import find_withheld_records
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.directory.contact_file import find_directory
from mpi.service.directory.contacts import Contact, ContactLevel
from mpi.service.rosters.coverage import (
    Coverage,
    find_carried_fields,
    find_coverage,
    may_hold,
    state_care,
)
from mpi.service.rosters.items import ChildItem, ItemSubject, list_told_fields, read_items
from mpi.service.rosters.school_clock import SchoolClock, measure_school_clock
from mpi.service.rosters.visits import VisitHistory, read_visits, record_visit
from mpi.standardize.fields.dates import is_within_period, to_iso_day
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.rosters.care_rosters import RosterRow
from mpi.storage.repositories.rosters.caseloads import Caseworker
from mpi.storage.unit_of_work.units import ReadUnit

LIST_NAME = "students-in-care"
PAGE_SIZE = 100
MAX_EXPORTED = 20_000
"""Most rows of a file; more are refused."""
_READ_FIELDS = ("first_name", "last_name", "birth_date", "enrollments", "addresses", "restrictions")
_LEDGER_FIELDS = ("flags.foster_care", "local_id", "first_name", "last_name", "birth_date", "enrollments")


class Show(StrEnum):
    """Part of the list that a reader wants."""

    ALL = "all"
    NEW = "new"
    ENTERED = "entered"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class StudentInCare:
    """What a point of contact may see of a student in care.

    Args:
        record: the school's record.
        enterprise_id: the person's ID.
        first_name: first name on the school's record; None where it may not be told.
        last_name: last name, likewise.
        birth_date: birth date, likewise.
        school_id: school where the child is enrolled.
        grade: grade there.
        entry_date: first day in this school.
        days_enrolled: days since then; None without a first day.
        in_care_since: first day in care; None where it is not known or the child has left.
        is_new: whether the child was not on the list at the last visit.
        has_entered: whether the child entered care this week.
        has_left: whether the child was on the list this week and is not in care any more.
        school_of_origin: school in which the child was enrolled when entering care; None where unknown.
        caseworker: the child's caseworker, where the agreement permits it.
        items: what has to be known of the child, where the agreement permits it.
    """

    record: RecordRef
    enterprise_id: str
    first_name: str | None = None
    last_name: str | None = None
    birth_date: str | None = None
    school_id: str | None = None
    grade: str | None = None
    entry_date: str | None = None
    days_enrolled: int | None = None
    in_care_since: str | None = None
    is_new: bool = False
    has_entered: bool = False
    has_left: bool = False
    school_of_origin: str | None = None
    caseworker: Caseworker | None = None
    items: tuple[ChildItem, ...] = ()

    @property
    def is_in_school_of_origin(self) -> bool | None:
        """Whether the child still goes there; None where that is not known."""
        if self.school_of_origin is None or self.school_id is None:
            return None
        return self.school_of_origin == self.school_id


@dataclass(frozen=True, slots=True)
class StudentRoster:
    """A page of the list of a district's students in care.

    Args:
        day: the day that it shows (``YYYY-MM-DD``, UTC).
        students: the students of this page.
        counts: number of students of each part of the list.
        schools: codes of the district's sources.
        is_covered: whether the agreement lets the reader know who is in care at all.
        last_visit: day of the last visit; None at the first one.
        clock: how soon the schools became known.
        next: number of the first student of the next page; None on the last.
        contacts: points of contact of the child-welfare agencies on the list, then the state's.
    """

    day: str
    students: tuple[StudentInCare, ...] = ()
    counts: Mapping[Show, int] = field(default_factory=dict)
    schools: tuple[str, ...] = ()
    is_covered: bool = False
    last_visit: str | None = None
    clock: SchoolClock | None = None
    next: int | None = None
    contacts: tuple[Contact, ...] = ()


class _Listed(NamedTuple):
    """A student of the list, before the records are read.

    A named tuple, since a district may have thousands. ``school_sources`` has the source of each of
    ``school_records``, of which the enrollment that began last comes first; ``care_sources`` likewise.
    """

    school_records: tuple[int, ...]
    school_sources: tuple[int, ...]
    care_records: tuple[int, ...]
    care_sources: tuple[int, ...]
    care_begin: str
    enrolled_begin: str
    since_commit: int
    is_new: bool = False
    has_entered: bool = False
    has_left: bool = False

    @property
    def school_record(self) -> int:
        """The school's record that the list shows."""
        return self.school_records[0]

    @property
    def records_of_district(self) -> list[int]:
        """Records of the shown one's source; that one comes first."""
        pairs = zip(self.school_records, self.school_sources, strict=True)
        return [record for record, source in pairs if source == self.school_sources[0]]


def read_students(
    index: Index, viewer: Viewer, show: Show = Show.ALL, first: int = 0, size: int = PAGE_SIZE
) -> StudentRoster:
    """Return a page of the viewer's students who are in care today.

    Args:
        index: the open index.
        viewer: who asks: a point of contact, or a client of a district.
        show: the part of the list.
        first: number of the first student, from 0.
        size: most students of the page.

    Raises:
        AccessDenied: the viewer may not read such lists, persons or records.
    """
    for action in (Action.ROSTER_READ, Action.PERSON_READ, Action.RECORD_READ):
        require_permission(viewer, action)
    return _read(index, viewer, Action.ROSTER_READ, show, first, size)


def export_students(index: Index, viewer: Viewer, show: Show = Show.ALL) -> StudentRoster:
    """Return the whole list, to be taken away as a file.

    Raises:
        AccessDenied: the viewer was not granted to take lists away.
    """
    for action in (Action.ROSTER_EXPORT, Action.ROSTER_READ, Action.PERSON_READ, Action.RECORD_READ):
        require_permission(viewer, action)
    return _read(index, viewer, Action.ROSTER_EXPORT, show, 0, MAX_EXPORTED)


def count_students(index: Index, viewer: Viewer) -> tuple[Mapping[Show, int], int]:
    """Count the students in each part of the list, and overdue items.

    It tells no student, so it is neither a visit nor on the ledger.

    Raises:
        AccessDenied: the viewer may not read such lists, persons or records.
    """
    for action in (Action.ROSTER_READ, Action.PERSON_READ, Action.RECORD_READ):
        require_permission(viewer, action)
    with index.database.read(viewer) as unit:
        coverage = find_coverage(unit)
        history = read_visits(unit, LIST_NAME, coverage, clock.today())
        listed, _ = _list_students(unit, coverage, history)
        parts = _divide(listed)
        withheld = find_withheld_records(unit, _list_records(parts[Show.ALL]))
        items = _read_items(unit, coverage, parts[Show.ALL], withheld)
    late = sum(item.is_late for group in items.values() for item in group)
    return {part: len(members) for part, members in parts.items()}, late


def _read(index: Index, viewer: Viewer, action: Action, show: Show, first: int, size: int) -> StudentRoster:
    """Read a page of the list, and record it on the ledger."""
    today = clock.today()
    with index.database.read(viewer) as unit:
        commit_no = unit.last_commit()
        coverage = find_coverage(unit)
        history = read_visits(unit, LIST_NAME, coverage, today)
        listed, figures = _list_students(unit, coverage, history)
        parts = _divide(listed)
        page = parts[show][first : first + size]
        students = _describe(unit, coverage, page, today)
        roster = StudentRoster(
            day=today,
            students=tuple(students),
            counts={part: len(members) for part, members in parts.items()},
            schools=tuple(sorted(source.code for source in coverage.schools.values())),
            is_covered=not coverage.is_empty,
            last_visit=None if history.last is None else history.last.day,
            clock=figures,
            next=first + size if len(parts[show]) > first + size else None,
            contacts=_list_contacts(index, coverage),
        )
    record_ids = {record for one in page for record in (*one.school_records, *one.care_records)}
    with_caseworker = any(student.caseworker is not None for student in students)
    told = list_told_fields([item for student in students for item in student.items])
    fields = (*_LEDGER_FIELDS, *((CASEWORKER_FIELD,) if with_caseworker else ()), *told)
    disclose(index, viewer, action, record_ids, fields)
    if roster.is_covered:
        record_visit(index, viewer, history, commit_no)
    return roster


def _list_contacts(index: Index, coverage: Coverage) -> tuple[Contact, ...]:
    """Return the contacts of disclosed agencies, then those of the state."""
    directory = find_directory(index)
    sources = sorted(source.code for source, _ in coverage.cares.values())
    agencies = [directory.find_for_source(source) for source in sources]
    found = [*(each for each in agencies if each is not None), *directory.list_level(ContactLevel.STATE)]
    return tuple(dict.fromkeys(found))


def _list_students(
    unit: ReadUnit, coverage: Coverage, history: VisitHistory
) -> tuple[list[_Listed], SchoolClock | None]:
    """Return the listed students, newest stay first, and the school clock."""
    if coverage.is_empty:
        return [], None
    sources = coverage.roster_sources
    rows = unit.care_rosters.find_current(sources, history.today)
    current = _group_by_child(filter(coverage.covers, rows))
    present = {row.school_record_id for group in current for row in group}
    week_ago = history.week_ago
    is_new = history.is_new if history.last is not None else _never
    listed = [_summarize(group, is_new=all(map(is_new, group)), week_ago=week_ago) for group in current]
    ended = unit.care_rosters.find_ended(sources, week_ago, history.today)
    left = _group_by_person(unit, filter(history.was_shown, filter(coverage.covers, ended)))
    listed += [
        _summarize(group, has_left=True)
        for group in left
        if present.isdisjoint(row.school_record_id for row in group)
    ]
    listed.sort(key=lambda one: (one.care_begin, one.enrolled_begin, one.school_record), reverse=True)
    known = [(one.care_begin, one.since_commit) for one in listed if not one.has_left]
    return listed, measure_school_clock(unit, known)


def _never(_: RosterRow) -> bool:
    return False


def _group_by_child(rows: Iterable[RosterRow]) -> list[list[RosterRow]]:
    """Return the rows of each child of one day.

    Every school record of a child that holds on the day is paired with every such record of care. So the
    smallest of these names the child, and no person has to be read for a list of thousands.
    """
    kept = list(rows)
    smallest: dict[int, int] = {}
    for row in kept:
        known = smallest.get(row.school_record_id, row.care_record_id)
        smallest[row.school_record_id] = min(known, row.care_record_id)
    groups: dict[int, list[RosterRow]] = {}
    for row in kept:
        groups.setdefault(smallest[row.school_record_id], []).append(row)
    return list(groups.values())


def _group_by_person(unit: ReadUnit, rows: Iterable[RosterRow]) -> list[list[RosterRow]]:
    """Return the rows of each person, on whatever day they hold."""
    kept = list(rows)
    persons = unit.persons.current_persons({row.school_record_id for row in kept})
    groups: dict[int, list[RosterRow]] = {}
    for row in kept:
        groups.setdefault(persons[row.school_record_id], []).append(row)
    return list(groups.values())


def _summarize(
    rows: Sequence[RosterRow], *, is_new: bool = False, week_ago: str | None = None, has_left: bool = False
) -> _Listed:
    """Return one student for all rows of one person.

    Args:
        rows: the rows.
        is_new: whether none of them was there at the last visit.
        week_ago: day after which an entry into care is one of this week; None where none is.
        has_left: whether the student is not on the list any more.
    """
    latest_first = rows
    if len(rows) > 1:  # each page makes a list of thousands, nearly all of one row
        latest_first = sorted(rows, key=lambda row: (row.enrolled_begin, row.school_record_id), reverse=True)
    school_sources = {row.school_record_id: row.school_source_id for row in latest_first}
    care_begin = min([row.care_begin for row in rows])
    care_sources = {row.care_record_id: row.care_source_id for row in rows}
    return _Listed(
        school_records=tuple(school_sources),
        school_sources=tuple(school_sources.values()),
        care_records=tuple(care_sources),
        care_sources=tuple(care_sources.values()),
        care_begin=care_begin,
        enrolled_begin=latest_first[0].enrolled_begin,
        since_commit=min([row.since_commit for row in rows]),
        is_new=is_new,
        has_entered=week_ago is not None and week_ago < care_begin,
        has_left=has_left,
    )


def _divide(listed: Collection[_Listed]) -> dict[Show, list[_Listed]]:
    """Return the students of each part of the list."""
    return {
        Show.ALL: [one for one in listed if not one.has_left],
        Show.NEW: [one for one in listed if one.is_new],
        Show.ENTERED: [one for one in listed if one.has_entered],
        Show.LEFT: [one for one in listed if one.has_left],
    }


def _describe(
    unit: ReadUnit, coverage: Coverage, page: Collection[_Listed], today: str
) -> list[StudentInCare]:
    """Return a page's students, with what the viewer may know of each."""
    records = [record for one in page for record in one.school_records]
    labels = visible_labels(unit, records)
    payloads = unit.record_versions.payloads(list(labels))
    withheld = find_withheld_records(unit, _list_records(page))
    person_by_record = unit.persons.current_persons(records)
    persons = unit.persons.by_ids(set(person_by_record.values()))
    caseworkers = _find_caseworkers(unit, coverage, page)
    items = _read_items(unit, coverage, page, withheld)
    students = []
    for one in page:
        if one.school_record not in payloads:
            continue
        school = coverage.schools[one.school_sources[0]].code
        facts = state_care(coverage.cares[source][0].code for source in one.care_sources)
        fields = find_carried_fields(unit.viewer, school, frozenset() if one.has_left else facts)
        record = record_from_bytes(payloads[one.school_record][1], _READ_FIELDS)
        student = StudentInCare(
            record=labels[one.school_record],
            enterprise_id=persons[person_by_record[one.school_record]].eid,
            first_name=record.first_name if may_hold(fields, "first_name") else None,
            last_name=record.last_name if may_hold(fields, "last_name") else None,
            birth_date=record.birth_date if may_hold(fields, "birth_date") else None,
            in_care_since=None if one.has_left else one.care_begin or None,
            is_new=one.is_new,
            has_entered=one.has_entered,
            has_left=one.has_left,
            caseworker=None if one.has_left else caseworkers.get(one.school_record),
            items=items.get(one.school_record, ()),
        )
        if may_hold(fields, "enrollments") and one.school_record not in withheld:
            stated = [
                record_from_bytes(payloads[number][1], _READ_FIELDS)
                for number in one.records_of_district
                if number in payloads
            ]
            student = _add_school(student, stated, one.care_begin, today)
        students.append(student)
    return students


def _read_items(
    unit: ReadUnit, coverage: Coverage, page: Iterable[_Listed], withheld: frozenset[int]
) -> dict[int, tuple[ChildItem, ...]]:
    """Return the items of each student in care."""
    present = [one for one in page if not one.has_left]
    subjects = []
    for one in present:
        codes = {
            record: coverage.cares[source][0].code
            for record, source in zip(one.care_records, one.care_sources, strict=True)
        }
        facts = state_care(codes.values())
        schools = {
            record: coverage.schools[source].code
            for record, source in zip(one.school_records, one.school_sources, strict=True)
        }
        subjects.append(
            ItemSubject(
                {
                    record: (code, find_carried_fields(unit.viewer, code, state_care([code])))
                    for record, code in codes.items()
                },
                {
                    record: (code, find_carried_fields(unit.viewer, code, facts))
                    for record, code in schools.items()
                },
                care_begin=one.care_begin,
                enrolled_begin=one.enrolled_begin,
                is_withheld=not withheld.isdisjoint((*one.school_records, *one.care_records)),
            )
        )
    records = [one.school_record for one in present]
    return dict(zip(records, read_items(unit, subjects), strict=True))


def _list_records(page: Iterable[_Listed]) -> list[int]:
    """Return the records of students; of one who left, the school's alone."""
    return [
        record
        for one in page
        for record in (*one.school_records, *(() if one.has_left else one.care_records))
    ]


def _find_caseworkers(unit: ReadUnit, coverage: Coverage, page: Iterable[_Listed]) -> dict[int, Caseworker]:
    """Return each student's caseworker where the agreement permits to tell it."""
    permitted = {
        number
        for number, (source, _) in coverage.cares.items()
        if may_hold(
            find_carried_fields(unit.viewer, source.code, state_care([source.code])), CASEWORKER_FIELD
        )
    }
    asked = [one for one in page if permitted.issuperset(one.care_sources)]
    people = unit.caseloads.caseworkers_of({record for one in asked for record in one.care_records})
    return {
        one.school_record: people[record]
        for one in asked
        for record in sorted(one.care_records, reverse=True)
        if record in people
    }


def _add_school(
    student: StudentInCare, records: Sequence[CanonicalRecord], care_begin: str, today: str
) -> StudentInCare:
    """Return a student with the school of today and that of origin.

    Args:
        student: the student.
        records: the district's records of the student, the shown one first.
        care_begin: first day in care; empty where it is not known.
        today: the present day.
    """
    present = find_enrollment(records[0], today) or Enrollment()
    held = (find_enrollment(record, care_begin) for record in records if care_begin)
    origin = next((enrollment for enrollment in held if enrollment is not None), None)
    return replace(
        student,
        school_id=present.school_id,
        grade=present.grade,
        entry_date=present.entry_date,
        days_enrolled=count_days(present.entry_date, today),
        school_of_origin=None if origin is None or student.has_left else origin.school_id,
    )


def find_enrollment(record: CanonicalRecord, day: str) -> Enrollment | None:
    """Return the enrollment that holds on a day, the latest if several.

    A whole entry date is given as ``YYYY-MM-DD``, in whatever form it was sent.
    """
    held = [
        enrollment._replace(entry_date=to_iso_day(enrollment.entry_date) or enrollment.entry_date)
        for enrollment in record.enrollments
        if is_within_period(enrollment.entry_date, enrollment.exit_date, day)
    ]
    return max(held, key=lambda enrollment: enrollment.entry_date or "", default=None)


def count_days(begin: str | None, today: str) -> int | None:
    """Return the days since a day; None without a whole date."""
    try:
        return None if begin is None else max(0, (date.fromisoformat(today) - date.fromisoformat(begin)).days)
    except ValueError:
        return None

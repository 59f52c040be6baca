"""Enroll today: what a school needs to enroll a confirmed student.

A placement letter has confirmed the student. What the school needs is the school that the student attended
last, with grade and the office that sends the records. It is told to who had the answer yes for this student
within a day, and while the answer would still be yes.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.record import CanonicalRecord, Enrollment
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import CARE_KINDS, EDUCATION_KINDS
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.tiers import CASEWORKER_FIELD
from mpi.service.core.confidential_addresses import find_withheld_records
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import read_facts_by_record, visible_labels
from mpi.service.persons.search_limits import DAY, find_start
from mpi.service.rosters.coverage import find_carried_fields, find_coverage, may_hold
from mpi.service.rosters.local_match import CARE_FIELD, find_confirmed
from mpi.service.rosters.own_students import OwnStudent, StudentQuery, find_own_student
from mpi.service.rosters.school_directory import SchoolOffice, load_school_directory
from mpi.service.rosters.students import find_enrollment
from mpi.standardize.fields.dates import read_period, to_iso_day
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.rosters.caseloads import Caseworker
from mpi.storage.unit_of_work.units import ReadUnit

_READ_FIELDS = ("first_name", "last_name", "birth_date", "enrollments", "addresses", "restrictions")
_LEDGER_FIELDS = ("local_id", "first_name", "last_name", "birth_date", "enrollments")
_UNKNOWN = "no placement letter was confirmed for this student today: check the letter first"


class StatedBy(StrEnum):
    """Kind of agency whose record names a school."""

    SCHOOL = "school"
    CHILD_WELFARE = "child-welfare"


@dataclass(frozen=True, slots=True)
class LastSchool:
    """The school that a student attended before the present one.

    Args:
        school_id: the school.
        district_id: its district; None where the record does not say.
        grade: grade there.
        entry_date: first day there.
        exit_date: first day after it; None where it is not known.
        stated_by: kind of agency whose record says so.
        office: office that sends the student's records; None where the directory of schools has none.
    """

    school_id: str
    district_id: str | None
    grade: str | None
    entry_date: str | None
    exit_date: str | None
    stated_by: StatedBy
    office: SchoolOffice | None = None


@dataclass(frozen=True, slots=True)
class EnrollmentStart:
    """What a school needs to enroll a confirmed student.

    Args:
        day: the day that it shows (``YYYY-MM-DD``, UTC).
        student: the school's own record.
        first_name: first name on that record.
        last_name: last name on that record.
        birth_date: birth date on that record.
        school_id: the school where the student is enrolled.
        district_id: its district.
        grade: grade there.
        entry_date: first day there.
        last_school: the school before; None where none is known or may be told.
        is_withheld: whether a record of the child keeps the whereabouts confidential.
        caseworker: the child's caseworker, where the agreement permits it.
    """

    day: str
    student: RecordRef
    first_name: str | None
    last_name: str | None
    birth_date: str | None
    school_id: str | None = None
    district_id: str | None = None
    grade: str | None = None
    entry_date: str | None = None
    last_school: LastSchool | None = None
    is_withheld: bool = False
    caseworker: Caseworker | None = None


def read_enrollment_start(index: Index, viewer: Viewer, query: StudentQuery) -> EnrollmentStart:
    """Return what a school needs to enroll a student.

    A placement letter confirmed the student today.

    Args:
        index: the open index.
        viewer: who had the answer yes.
        query: the school's own student.

    Raises:
        AccessDenied: the viewer may not read what an enrollment needs.
        NotFoundError: the viewer had no yes for this student within a day, or it would be no yes any more.
    """
    require_permission(viewer, Action.ENROLLMENT_READ)
    with index.database.read(viewer) as unit:
        student = find_own_student(unit, index, query)
        children = _find_children(unit, index, student)
        if not children or student.label is None or student.record is None:
            raise NotFoundError(_UNKNOWN)
        reader = _SchoolReader(unit, index, student.label, student.record)
        start = reader.read(student, children)
    fields = (*_LEDGER_FIELDS, *((CASEWORKER_FIELD,) if start.caseworker is not None else ()))
    disclose(index, viewer, Action.ENROLLMENT_READ, reader.read_records, fields)
    return start


def _find_children(unit: ReadUnit, index: Index, student: OwnStudent) -> frozenset[int]:
    """Return the child-welfare records that the viewer's answers of a day confirmed.

    Records that they would not confirm any more are left out.
    """
    if student.record_id is None:
        return frozenset()
    since = find_start(DAY)
    with index.database.ledger.read(unit.viewer) as ledger:
        lines = ledger.disclosures.lines_of_client(unit.viewer.client, [Action.LOCAL_MATCH], since)
    told = {
        record
        for line in lines
        if CARE_FIELD in line.fields and student.record_id in line.record_ids
        for record in line.record_ids
    }
    coverage = find_coverage(unit, Action.ENROLLMENT_READ)
    return find_confirmed(unit, coverage, student.record_id, told)


class _SchoolReader:
    """Reads the schools of one student.

    Attributes:
        read_records: records that the answer is about.
    """

    def __init__(self, unit: ReadUnit, index: Index, label: RecordRef, record: CanonicalRecord) -> None:
        self._unit = unit
        self._directory = load_school_directory(index)
        self._sources = {source.id: source for source in unit.sources.all()}
        self._label = label
        self._record = record
        self._today = clock.today()
        self._present = find_enrollment(record, self._today) or Enrollment()
        self.read_records: set[int] = set()

    def read(self, student: OwnStudent, children: Collection[int]) -> EnrollmentStart:
        """Return what the school needs of a student with these child-welfare records."""
        unit, present = self._unit, self._present
        persons = unit.persons.current_persons([student.record_id or 0])
        members = {
            record for group in unit.persons.members(set(persons.values())).values() for record in group
        }
        others = members - {student.record_id}
        self.read_records = {student.record_id or 0, *children}
        withheld = find_withheld_records(unit, members)
        schools = [*self._list_own(), *self._list_others(others, withheld)]
        last = max(schools, key=_sort_key, default=None)
        fields = find_carried_fields(unit.viewer, self._label.source, frozenset(), Action.ENROLLMENT_READ)
        record = self._record
        return EnrollmentStart(
            day=self._today,
            student=self._label,
            first_name=record.first_name if may_hold(fields, "first_name") else None,
            last_name=record.last_name if may_hold(fields, "last_name") else None,
            birth_date=record.birth_date if may_hold(fields, "birth_date") else None,
            school_id=present.school_id,
            district_id=present.district_id,
            grade=present.grade,
            entry_date=present.entry_date,
            last_school=None if last is None else self._keep(*last),
            is_withheld=bool(withheld),
            caseworker=self._find_caseworker(children),
        )

    def _keep(self, record_id: int | None, school: LastSchool) -> LastSchool:
        """Return the school of which the answer tells.

        Notes the record that it is read from.
        """
        if record_id is not None:
            self.read_records.add(record_id)
        return school

    def _list_own(self) -> Iterator[tuple[int | None, LastSchool]]:
        """Yield the earlier schools that the school's own record names."""
        for each in self._record.enrollments:
            if each.school_id != self._present.school_id:
                yield from self._describe(None, each, StatedBy.SCHOOL)

    def _list_others(
        self, record_ids: Collection[int], withheld: Collection[int]
    ) -> Iterator[tuple[int | None, LastSchool]]:
        """Yield the schools that other records of the child name.

        Those that may not be told are left out.
        """
        unit = self._unit
        labels = visible_labels(unit, record_ids)
        payloads = unit.record_versions.payloads(sorted(labels.keys() - set(withheld)))
        facts = read_facts_by_record(unit, payloads)
        for record_id, (source_id, payload) in payloads.items():
            source = self._sources[source_id]
            carried = find_carried_fields(unit.viewer, source.code, facts[record_id], Action.ENROLLMENT_READ)
            if source.kind not in EDUCATION_KINDS | CARE_KINDS or not may_hold(carried, "enrollments"):
                continue
            stated_by = StatedBy.CHILD_WELFARE if source.kind in CARE_KINDS else StatedBy.SCHOOL
            is_same_source = source.code == self._label.source
            for each in record_from_bytes(payload, _READ_FIELDS).enrollments:
                if not self._is_present(each, stated_by, is_same_source=is_same_source):
                    yield from self._describe(record_id, each, stated_by)

    def _is_present(self, each: Enrollment, stated_by: StatedBy, *, is_same_source: bool) -> bool:
        """Return whether another record's enrollment is the present one.

        Two districts may have schools of one number. Child welfare may leave the district out.
        """
        if each.school_id != self._present.school_id:
            return False
        if is_same_source:
            return True
        districts = {each.district_id, self._present.district_id}
        return len(districts) == 1 if stated_by is StatedBy.SCHOOL else len(districts - {None}) < len("ab")

    def _describe(
        self, record_id: int | None, each: Enrollment, stated_by: StatedBy
    ) -> Iterator[tuple[int | None, LastSchool]]:
        if not each.school_id or read_period(each.entry_date, None)[0] > self._today:
            return
        yield (
            record_id,
            LastSchool(
                school_id=each.school_id,
                district_id=each.district_id,
                grade=each.grade,
                entry_date=to_iso_day(each.entry_date) or each.entry_date,
                exit_date=to_iso_day(each.exit_date) or each.exit_date,
                stated_by=stated_by,
                office=self._directory.find_office(each.school_id, each.district_id),
            ),
        )

    def _find_caseworker(self, children: Collection[int]) -> Caseworker | None:
        """Return the child's caseworker, where the agreement permits to tell it."""
        unit = self._unit
        facts = read_facts_by_record(unit, children)
        sources: Mapping[int, int] = unit.records.source_ids_of(children)
        permitted = {
            record
            for record, source in sources.items()
            if may_hold(
                find_carried_fields(
                    unit.viewer, self._sources[source].code, facts[record], Action.ENROLLMENT_READ
                ),
                CASEWORKER_FIELD,
            )
        }
        people = unit.caseloads.caseworkers_of(permitted)
        return next((people[record] for record in sorted(people, reverse=True)), None)


def _sort_key(entry: tuple[int | None, LastSchool]) -> tuple[str, str, str, str]:
    """Return the sort key of a school, the latest one last.

    A school's word outweighs that of child welfare on the same days, so it comes after it.
    """
    _, school = entry
    return (school.entry_date or "", school.exit_date or "", school.stated_by, school.school_id)

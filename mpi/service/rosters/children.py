"""My children: a caseworker's list, with the school of each child.

A child is on it while the caseload names the caseworker and the child-welfare record says "in care". For a
child without a school the list says why, as far as the caseworker may know.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from mpi.domain import clock
from mpi.domain.record import CanonicalRecord
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import CARE_KINDS, EDUCATION_KINDS, SourceKind
from mpi.domain.viewer import Action, RecordAccess, Viewer, require_permission
from mpi.service.core.confidential_addresses import find_withheld_records
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import read_facts_by_record, sees_whole_source, visible_labels
from mpi.service.directory.contact_file import find_directory
from mpi.service.directory.contacts import Contact, ContactDirectory, ContactLevel
from mpi.service.rosters.coverage import find_carried_fields, may_hold, state_care
from mpi.service.rosters.items import ChildItem, ItemSubject, Permitted, list_told_fields, read_items
from mpi.service.rosters.school_clock import SETTLED, SchoolClock, measure_school_clock
from mpi.service.rosters.students import MAX_EXPORTED, count_days, find_enrollment
from mpi.standardize.fields.dates import ALWAYS, read_period, to_birth_day
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.rosters.caseloads import CareTime
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

FIRST_SCHOOL_AGE, LAST_SCHOOL_AGE = 5, 18
"""Ages in whole years within which a child is of school age."""
_READ_FIELDS = ("first_name", "last_name", "birth_date", "enrollments", "addresses", "restrictions")
CHILD_FIELDS = (
    "local_id",
    "first_name",
    "last_name",
    "birth_date",
    "enrollments",
    "placements",
    "household_ids",
)
"""Fields that a list of children is made of, for the ledger."""
_OUTSIDE = {
    "private": "private-school",
    "home": "private-school",
    "homeschool": "private-school",
    "out-of-state": "other-state",
    "other-state": "other-state",
}
"""Words by which child welfare may state as ``district_id`` that a school is none of the state's."""


class MissingSchool(StrEnum):
    """Why a list shows no school of a child."""

    WITHHELD = "withheld"
    """A record of the child keeps the whereabouts confidential."""
    NOT_OF_SCHOOL_AGE = "not-of-school-age"
    OTHER_STATE = "other-state"
    PRIVATE_SCHOOL = "private-school"
    NOT_ENROLLED = "found-not-enrolled"
    """A record of a school is linked, and says that the child has left it."""
    IN_REVIEW = "waiting-for-review"
    """A steward is asked whether a record of a school is this child."""
    NO_CANDIDATE = "no-candidate"
    """No record of a school says where the child goes or went, as far as the viewer may know."""


@dataclass(frozen=True, slots=True)
class School:
    """Where a child goes to school, as the school's own record says.

    Args:
        record: the school's record.
        school_id: school where the child is enrolled.
        district_id: its district.
        grade: grade there.
        entry_date: first day in this school.
        days_enrolled: days since then; None without a first day.
        contact: the district's point of contact; None where the directory names none.
    """

    record: RecordRef
    school_id: str | None = None
    district_id: str | None = None
    grade: str | None = None
    entry_date: str | None = None
    days_enrolled: int | None = None
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class ChildInCare:
    """A child for whom the caseworker's agency is legally responsible.

    Args:
        record: the child-welfare record.
        enterprise_id: the person's ID.
        first_name: first name on this record.
        last_name: last name on this record.
        birth_date: birth date on this record.
        in_care_since: first day in care; None where it is not known.
        schools: where the child is enrolled today; mostly one.
        missing: why there is no school; None where there is one.
        siblings: children of the same household who are in care too.
        items: what has to be known of the child; none for a sibling.
    """

    record: RecordRef
    enterprise_id: str
    first_name: str | None
    last_name: str | None
    birth_date: str | None
    in_care_since: str | None
    schools: tuple[School, ...] = ()
    missing: MissingSchool | None = None
    siblings: tuple["ChildInCare", ...] = ()
    items: tuple[ChildItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ChildRoster:
    """The list of a caseworker's children.

    Args:
        day: the day that it shows (``YYYY-MM-DD``, UTC).
        caseworker: code of the caseworker.
        children: the children, those without a school first.
        clock: how soon the schools became known.
        is_known: whether a caseload names the caseworker for any child.
        contacts: the state's points of contact, for a child whose school is not found.
    """

    day: str
    caseworker: str
    children: tuple[ChildInCare, ...] = ()
    clock: SchoolClock | None = None
    is_known: bool = False
    contacts: tuple[Contact, ...] = ()


def read_children(index: Index, viewer: Viewer, caseworker: str | None = None) -> ChildRoster:
    """Return the children of a caseworker, with the school of each.

    A child without a school has the reason why there is none.

    Args:
        index: the open index.
        viewer: who asks: a caseworker, or a client of child welfare.
        caseworker: code of the caseworker; None for the viewer.

    Raises:
        AccessDenied: the viewer may not read such lists, persons or records.
    """
    for action in (Action.CASELOAD_READ, Action.PERSON_READ, Action.RECORD_READ):
        require_permission(viewer, action)
    return _read(index, viewer, Action.CASELOAD_READ, caseworker or viewer.client)


def export_children(index: Index, viewer: Viewer, caseworker: str | None = None) -> ChildRoster:
    """Return a caseworker's children, to be taken away as a file.

    Raises:
        AccessDenied: the viewer was not granted to take lists away.
    """
    for action in (Action.ROSTER_EXPORT, Action.CASELOAD_READ, Action.PERSON_READ, Action.RECORD_READ):
        require_permission(viewer, action)
    return _read(index, viewer, Action.ROSTER_EXPORT, caseworker or viewer.client)


def count_children(index: Index, viewer: Viewer) -> tuple[int, int]:
    """Count the viewer's children without a known school, and all overdue items.

    It tells no child, so it is not on the ledger. Children who need no school of the state do not count.

    Raises:
        AccessDenied: the viewer may not read such lists, persons or records.
    """
    for action in (Action.CASELOAD_READ, Action.PERSON_READ, Action.RECORD_READ):
        require_permission(viewer, action)
    with index.database.read(viewer) as unit:
        reader = ChildReader(unit, clock.today(), ContactDirectory())
        children = reader.read(unit.caseloads.children_of(reader.care_source_ids, viewer.client))
    without_school = sum(child.missing is not None and child.missing not in SETTLED for child in children)
    return without_school, sum(item.is_late for child in children for item in child.items)


def _read(index: Index, viewer: Viewer, action: Action, caseworker: str) -> ChildRoster:
    today = clock.today()
    directory = find_directory(index)
    with index.database.read(viewer) as unit:
        reader = ChildReader(unit, today, directory)
        caseload = unit.caseloads.children_of(reader.care_source_ids, caseworker)[:MAX_EXPORTED]
        children = reader.read(caseload)
        known = reader.list_known(child.record for child in children)
        still_open = [
            (child.in_care_since or "", child.missing.value)
            for child in children
            if child.missing is not None
        ]
        roster = ChildRoster(
            day=today,
            caseworker=caseworker,
            children=tuple(sorted(children, key=_sort_key)),
            clock=measure_school_clock(unit, known, still_open) if children else None,
            is_known=bool(caseload),
            contacts=directory.list_level(ContactLevel.STATE),
        )
    told = list_told_fields([item for child in roster.children for item in child.items])
    disclose(index, viewer, action, reader.read_records, (*CHILD_FIELDS, *told))
    return roster


def _sort_key(child: ChildInCare) -> tuple[bool, str, str, str]:
    return (child.missing is None, child.last_name or "", child.first_name or "", child.record.local_id)


class _LinkedSchool(NamedTuple):
    """A school's record linked to a child, and what may be told."""

    code: str
    fields: Permitted
    school: School | None
    is_withheld: bool
    has_ended: bool


class ChildReader:
    """Reads children in care of the viewer's agency, and their siblings.

    Attributes:
        care_source_ids: sources of child welfare whose children the viewer's agency is responsible for.
        read_records: records that the answer is about.
    """

    def __init__(self, unit: ReadUnit, today: str, directory: ContactDirectory) -> None:
        self._unit = unit
        self._today = today
        self._directory = directory
        self._sources = {source.id: source for source in unit.sources.all()}
        self.care_source_ids = {
            source.id for source in self._sources.values() if _is_own_care(unit.viewer, source)
        }
        self.read_records: set[int] = set()
        self._since: dict[RecordRef, tuple[str, int]] = {}
        self._linked: dict[int, dict[int, _LinkedSchool]] = {}

    def read(self, record_ids: Collection[int]) -> list[ChildInCare]:
        """Return some records' children who are in care today, with siblings.

        The records are those of child welfare.
        """
        begins, households = self._keep_in_care(self._unit.caseloads.care_times(record_ids))
        times = self._unit.caseloads.care_times_of_households(set(households.values()), self.care_source_ids)
        sibling_begins, sibling_households = self._keep_in_care(times)
        children = self._describe({**sibling_begins, **begins})
        by_household: dict[str, list[int]] = {}
        for record, household in sibling_households.items():
            by_household.setdefault(household, []).append(record)
        own = [record for record in begins if record in children]
        items = self._read_items(own, children)
        return [
            replace(
                _add_siblings(children, record, by_household.get(households.get(record, ""), ())),
                items=items[record],
            )
            for record in own
        ]

    def read_alone(self, record_ids: Collection[int]) -> list[ChildInCare]:
        """Return the same children without siblings and items."""
        begins, _ = self._keep_in_care(self._unit.caseloads.care_times(record_ids))
        return list(self._describe(begins).values())

    def list_known(self, labels: Iterable[RecordRef]) -> list[tuple[str, int]]:
        """Return since when children were in care and their schools known.

        Each pair is the first day in care, and the commit since which the school is known. Children without
        a school are left out.
        """
        return [self._since[label] for label in labels if label in self._since]

    def _keep_in_care(self, times: Iterable[CareTime]) -> tuple[dict[int, str], dict[int, str]]:
        """Return first day in care and household of records in care today."""
        begins: dict[int, str] = {}
        households: dict[int, str] = {}
        for time in times:
            if time.begin <= self._today < time.end:
                begins[time.record_id] = min(time.begin, begins.get(time.record_id, time.begin))
                if time.household is not None:
                    households[time.record_id] = time.household
        return begins, households

    def _describe(self, begins: Mapping[int, str]) -> dict[int, ChildInCare]:
        """Return each child with schools, or with the reason for none."""
        unit = self._unit
        labels = visible_labels(unit, begins)
        payloads = unit.record_versions.payloads(list(labels))
        person_by_record = unit.persons.current_persons(list(payloads))
        members = unit.persons.members(set(person_by_record.values()))
        persons = unit.persons.by_ids(members)
        schools = self._read_schools(
            {record for group in members.values() for record in group} - begins.keys()
        )
        in_review = self._find_in_review(payloads)
        self.read_records |= payloads.keys()
        children = {}
        for record_id, (_, payload) in payloads.items():
            record = record_from_bytes(payload, _READ_FIELDS)
            own = {m: schools[m] for m in members[person_by_record[record_id]] if m in schools}
            self._linked[record_id] = own
            linked = list(own.values())
            found = tuple(each.school for each in linked if each.school is not None and not each.is_withheld)
            missing = None if found else self._find_reason(record, linked, in_review=record_id in in_review)
            begin = begins[record_id]
            if found:
                self._note_since(record_id, labels[record_id], begin)
            children[record_id] = ChildInCare(
                record=labels[record_id],
                enterprise_id=persons[person_by_record[record_id]].eid,
                first_name=record.first_name,
                last_name=record.last_name,
                birth_date=record.birth_date,
                in_care_since=begin or None,
                schools=found,
                missing=missing,
            )
        return children

    def _note_since(self, record_id: int, label: RecordRef, begin: str) -> None:
        commits = [row.since_commit for row in self._unit.care_rosters.find_schools([record_id])]
        if commits:
            self._since[label] = (begin, min(commits))

    def _read_items(
        self, record_ids: Sequence[int], children: Mapping[int, ChildInCare]
    ) -> dict[int, tuple[ChildItem, ...]]:
        """Return the items of some children."""
        subjects = []
        for record_id in record_ids:
            child, linked = children[record_id], self._linked[record_id]
            code = child.record.source
            enrolled = [each.school for each in linked.values() if each.school is not None]
            fields = find_carried_fields(self._unit.viewer, code, state_care([code]))
            subjects.append(
                ItemSubject(
                    {record_id: (code, fields)},
                    {number: (each.code, each.fields) for number, each in linked.items() if each.school},
                    care_begin=child.in_care_since or "",
                    enrolled_begin=max((each.entry_date or "" for each in enrolled), default=""),
                    is_of_school_age=child.missing
                    not in {MissingSchool.NOT_OF_SCHOOL_AGE, MissingSchool.OTHER_STATE},
                    is_withheld=any(each.is_withheld for each in linked.values()),
                )
            )
        return dict(zip(record_ids, read_items(self._unit, subjects), strict=True))

    def _read_schools(self, record_ids: Collection[int]) -> dict[int, "_LinkedSchool"]:
        """Return each school's record with today's school, unless withheld.

        A record whose enrollments the agreement does not disclose is left out, as if it did not exist.
        """
        unit = self._unit
        labels = visible_labels(unit, record_ids)
        payloads = unit.record_versions.payloads(list(labels))
        payloads = {
            record: content
            for record, content in payloads.items()
            if self._sources[content[0]].kind == SourceKind.SIS
        }
        facts = read_facts_by_record(unit, payloads)
        withheld = find_withheld_records(unit, list(payloads))
        schools: dict[int, _LinkedSchool] = {}
        for record_id, (source_id, payload) in payloads.items():
            source = self._sources[source_id]
            fields = find_carried_fields(unit.viewer, source.code, facts[record_id])
            if not may_hold(fields, "enrollments"):
                continue
            is_withheld = record_id in withheld
            record = record_from_bytes(payload, _READ_FIELDS)
            school = None if is_withheld else self._find_school(labels[record_id], record)
            has_ended = _has_ended_enrollment(record, self._today)
            schools[record_id] = _LinkedSchool(source.code, fields, school, is_withheld, has_ended)
        self.read_records |= schools.keys()
        return schools

    def _find_school(self, label: RecordRef, record: CanonicalRecord) -> School | None:
        present = find_enrollment(record, self._today)
        if present is None:
            return None
        return School(
            record=label,
            school_id=present.school_id,
            district_id=present.district_id,
            grade=present.grade,
            entry_date=present.entry_date,
            days_enrolled=count_days(present.entry_date, self._today),
            contact=self._directory.find_for_school(present.district_id, label.source),
        )

    def _find_reason(
        self, record: CanonicalRecord, linked: Collection["_LinkedSchool"], *, in_review: bool
    ) -> MissingSchool:
        """Return why there is no school of a child."""
        if any(each.is_withheld for each in linked):
            return MissingSchool.WITHHELD
        if not _is_of_school_age(record.birth_date, self._today):
            return MissingSchool.NOT_OF_SCHOOL_AGE
        stated = find_enrollment(record, self._today)
        outside = None if stated is None else _OUTSIDE.get((stated.district_id or "").casefold())
        if outside is not None:
            return MissingSchool(outside)
        if any(each.has_ended for each in linked):
            return MissingSchool.NOT_ENROLLED
        return MissingSchool.IN_REVIEW if in_review else MissingSchool.NO_CANDIDATE

    def _find_in_review(self, record_ids: Collection[int]) -> set[int]:
        """Return records with an open question that the viewer may know of.

        That a school's record is like the child's is told only where the viewer sees every record of that
        source: else it would tell of a record that the agreement hides.
        """
        pairs = [
            (end, next(iter(task.ends - {end})))
            for task in self._unit.tasks.about_records(record_ids)
            if len(task.ends) > 1
            for end in task.ends & set(record_ids)
        ]
        source_ids = self._unit.records.source_ids_of({other for _, other in pairs})
        return {
            record
            for record, other in pairs
            if other in source_ids and self._may_know(self._sources[source_ids[other]])
        }

    def _may_know(self, source: Source) -> bool:
        return source.kind in EDUCATION_KINDS and sees_whole_source(self._unit.viewer, source.code)


def _is_own_care(viewer: Viewer, source: Source) -> bool:
    """Return whether the viewer's agency is responsible for a source's children."""
    if source.kind not in CARE_KINDS or not viewer.may_see(source.code):
        return False
    return viewer.rights is None or viewer.rights.find_access(source.code) is not RecordAccess.HIDDEN


def _add_siblings(children: Mapping[int, ChildInCare], record: int, household: Iterable[int]) -> ChildInCare:
    siblings = [children[other] for other in household if other != record and other in children]
    own = children[record]
    others = [sibling for sibling in siblings if sibling.enterprise_id != own.enterprise_id]
    return replace(own, siblings=tuple(sorted(others, key=_sort_key)))


def _has_ended_enrollment(record: CanonicalRecord, today: str) -> bool:
    """Return whether a record states an enrollment that is over."""
    ends = (read_period(None, each.exit_date)[1] for each in record.enrollments)
    return any(ALWAYS < end <= today for end in ends)


def _is_of_school_age(birth_date: str | None, today: str) -> bool:
    """Return whether a child is of school age, or of unknown age."""
    try:
        born, day = date.fromisoformat(to_birth_day(birth_date) or ""), date.fromisoformat(today)
    except ValueError:
        return True
    age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return FIRST_SCHOOL_AGE <= age <= LAST_SCHOOL_AGE

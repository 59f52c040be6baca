"""Education part of one child's case plan, for the child's caseworker.

It has the items of 42 USC 675(1)(C) and (G) that concern school, each with source and day, or "not known".
The index holds no health records; what these items ask of them is not known here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mpi.domain import clock
from mpi.domain.children.items import ItemKind
from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.directory.contact_file import find_directory
from mpi.service.rosters.children import CHILD_FIELDS, ChildInCare, ChildReader, School
from mpi.service.rosters.items import ChildItem, list_told_fields
from mpi.service.rosters.school_directory import SchoolDirectory, load_school_directory
from mpi.storage.unit_of_work.units import ReadUnit

_UNKNOWN = "no child of yours in care has this ID"


class PlanSection(StrEnum):
    """Paragraph of 42 USC 675(1) that asks for an item."""

    RECORDS = "C"
    """Health and education records."""
    STABILITY = "G"
    """Plan for educational stability."""


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One item of a case plan.

    Args:
        section: paragraph that asks for it.
        clause: clause of the paragraph, such as ``i``.
        code: what it is.
        values: values by name; empty where it is not known.
        source: code of the source that states it; None where it is not known.
        as_of: latest day for which it was stated; None likewise.
    """

    section: PlanSection
    clause: str
    code: str
    values: tuple[tuple[str, str], ...] = ()
    source: str | None = None
    as_of: str | None = None


@dataclass(frozen=True, slots=True)
class CasePlan:
    """The education part of a child's case plan.

    Args:
        day: the day that it shows (``YYYY-MM-DD``, UTC).
        child: the child, with schools and siblings.
        items: the items in the order of the law.
    """

    day: str
    child: ChildInCare
    items: tuple[PlanItem, ...]


def read_case_plan(index: Index, viewer: Viewer, eid: str) -> CasePlan:
    """Return the education part of the case plan of a caseworker's child.

    Args:
        index: the open index.
        viewer: the child's caseworker.
        eid: the child's enterprise ID.

    Raises:
        AccessDenied: the viewer may not read lists of children, persons or records.
        NotFoundError: the caseload gives the viewer no child in care with this ID.
    """
    for action in (Action.CASELOAD_READ, Action.PERSON_READ, Action.RECORD_READ):
        require_permission(viewer, action)
    today = clock.today()
    with index.database.read(viewer) as unit:
        reader = ChildReader(unit, today, find_directory(index))
        child = _find_child(unit, reader, eid)
        refs = {child.record, *(school.record for school in child.schools)}
        day_by_ref = _read_days(unit, reader, {(ref.source, ref.local_id) for ref in refs})
        items = tuple(_list_items(child, load_school_directory(index), day_by_ref))
    told = list_told_fields(child.items)
    disclose(index, viewer, Action.CASELOAD_READ, reader.read_records, (*CHILD_FIELDS, *told))
    return CasePlan(today, child, items)


def _find_child(unit: ReadUnit, reader: ChildReader, eid: str) -> ChildInCare:
    """Return the viewer's child of an ID.

    Raises:
        NotFoundError: there is none.
    """
    caseload = unit.caseloads.children_of(reader.care_source_ids, unit.viewer.client)
    person_by_record = unit.persons.current_persons(caseload)
    persons = unit.persons.by_ids(set(person_by_record.values()))
    own = [
        record
        for record, person in person_by_record.items()
        if person in persons and persons[person].eid == eid
    ]
    children = reader.read(own)
    if not children:
        raise NotFoundError(_UNKNOWN)
    return children[0]


def _read_days(
    unit: ReadUnit, reader: ChildReader, names: set[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return the latest day for which each record was stated."""
    records = unit.records.get(reader.read_records)
    codes = {source.id: source.code for source in unit.sources.all()}
    days = {(codes[record.source_id], record.local_id): record.last_seen[:10] for record in records.values()}
    return {name: days[name] for name in names if name in days}


def _list_items(
    child: ChildInCare, directory: SchoolDirectory, days: dict[tuple[str, str], str]
) -> Iterator[PlanItem]:
    """Yield the items in the order of the law."""
    items = {item.kind: item for item in child.items}

    def of_school(section: PlanSection, clause: str, code: str, *names: str) -> Iterator[PlanItem]:
        for school in child.schools or (None,):
            values = () if school is None else _read_school(school, directory, names)
            if school is None or not values:
                yield PlanItem(section, clause, code)
            else:
                ref = school.record
                day = days.get((ref.source, ref.local_id))
                yield PlanItem(section, clause, code, values, ref.source, day)

    def of_item(section: PlanSection, clause: str, kind: ItemKind) -> PlanItem:
        return _to_plan_item(section, clause, items.get(kind), kind)

    records, stability = PlanSection.RECORDS, PlanSection.STABILITY
    yield from of_school(records, "i", "school", "school", "office", "phone", "email")
    yield PlanItem(records, "i", "health-providers")
    yield from of_school(records, "ii", "grade", "grade", "entry_date")
    yield PlanItem(records, "ii", "grade-level-performance")
    for kind in (ItemKind.RECORDS_REQUESTED, ItemKind.RECORDS_RECEIVED):
        yield of_item(records, "iii", kind)
    yield PlanItem(records, "iv", "immunizations")
    yield PlanItem(records, "v", "medical-problems")
    yield PlanItem(records, "vi", "medications")
    for kind in (ItemKind.DECISION_MAKER, ItemKind.CONTACT_RESTRICTION):
        yield of_item(records, "vii", kind)
    yield of_item(stability, "i", ItemKind.SCHOOL_OF_ORIGIN)
    yield of_item(stability, "i", ItemKind.BEST_INTEREST)
    yield PlanItem(stability, "i", "distance")
    yield from of_school(stability, "ii(I)", "district-contact", "contact", "contact_phone", "contact_email")
    yield of_item(stability, "ii(I)", ItemKind.TRANSPORT)
    yield from of_school(stability, "ii(II)", "enrollment", "school", "entry_date")
    yield of_item(stability, "ii(II)", ItemKind.RECORDS_RECEIVED)


def _read_school(
    school: School, directory: SchoolDirectory, names: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Return some facts of a school that are known."""
    office = directory.find_office(school.school_id, school.district_id)
    contact = school.contact
    name = directory.find_name(school.school_id, school.district_id)
    facts = {
        "school": f"{name} ({school.school_id})" if name else school.school_id,
        "grade": school.grade,
        "entry_date": school.entry_date,
        "office": None if office is None else office.registrar,
        "phone": None if office is None else office.phone,
        "email": None if office is None else office.email,
        "contact": None if contact is None else contact.name,
        "contact_phone": None if contact is None else contact.phone,
        "contact_email": None if contact is None else contact.email,
    }
    return tuple((each, value) for each in names if (value := facts[each]))


def _to_plan_item(section: PlanSection, clause: str, item: ChildItem | None, kind: ItemKind) -> PlanItem:
    if item is None or item.value is None:
        return PlanItem(section, clause, kind.value)
    return PlanItem(section, clause, kind.value, tuple(item.value.items()), item.stated_by, item.as_of)

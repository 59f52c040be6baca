"""Names and birth dates of children, for lists that show a child.

A child's name here is the name of its golden record: one record's, chosen from those that the viewer may see.
What the viewer's policy does not carry for the action is left out, so a list may show a child without a name.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from mpi.domain import clock
from mpi.domain import eid as eids
from mpi.domain.record_ref import RecordRef
from mpi.domain.survivorship.attributes import NAME_PARTS, NAME_RULE
from mpi.domain.survivorship.name_choice import choose_name
from mpi.domain.survivorship.value_choice import choose_value
from mpi.domain.survivorship.values import StatedValue
from mpi.domain.viewer import (
    Action,
    ConsentScope,
    StatedFacts,
    StatedPopulations,
    Viewer,
    is_allowed,
    is_own_source,
)
from mpi.service.core.disclosure import disclose
from mpi.service.core.disclosure_consents import read_consents
from mpi.service.core.index import Index
from mpi.service.core.minimization import find_populations_by_child
from mpi.service.core.visibility import visible_labels
from mpi.service.persons.attribute_values import ValueOrigin, read_name_and_birth_date
from mpi.service.statements.correction_records import Correction, find_corrections
from mpi.standardize.restrictions import is_opted_out
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.unit_of_work.units import ReadUnit

MAX_RECORDS_OF_CHILD = 50
"""Most records of one child that a list reads, the first by canonical key."""
_BIRTH_DATE = "birth_date"
_FIELDS = frozenset((*NAME_PARTS, _BIRTH_DATE))
_READ_FIELDS = _FIELDS | {"birth_date_quality", "identifiers", "restrictions", "as_of"}
"""Fields that decide which name and birth date is shown."""


@dataclass(frozen=True, slots=True)
class ChildName:
    """Name and birth date of a child, for one viewer.

    Args:
        enterprise_id: the child's ID; None for a record that takes no part.
        first_name: as its record writes it, like the other parts; None where missing or not permitted.
        middle_name: middle name or initial.
        last_name: last name.
        suffix: generational suffix.
        birth_date: ``YYYY-MM-DD``, or a part of it as written.
    """

    enterprise_id: str | None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    suffix: str | None = None
    birth_date: str | None = None


@dataclass(frozen=True, slots=True)
class ChildNames:
    """Children that a list shows.

    Args:
        by_record: child of each record asked for; a hidden record has no entry.
        by_id: child of each enterprise ID asked for; an ID without a visible record has no entry.
    """

    by_record: Mapping[RecordRef, ChildName] = field(default_factory=dict)
    by_id: Mapping[str, ChildName] = field(default_factory=dict)


def look_up_child_names(
    index: Index,
    viewer: Viewer,
    action: Action,
    records: Iterable[RecordRef] = (),
    enterprise_ids: Iterable[str] = (),
    *,
    in_search: bool = False,
) -> ChildNames:
    """Return the names of children that an answer to the viewer lists.

    Args:
        index: the open index.
        viewer: who is shown the list.
        action: the kind of request, which decides what the answer may hold.
        records: records whose children are listed.
        enterprise_ids: IDs of further children.
        in_search: whether the list is the result of a search, which finds no record that is opted out.

    Raises:
        StoreError: the ledger cannot be written; the names must not leave.
    """
    if not _may_list(viewer, action):
        return ChildNames()
    with index.database.read(viewer) as unit:
        number_by_ref = _find_numbers(unit, records)
        persons = unit.persons.find_by_eids({eids.parse_eid(text) for text in enterprise_ids})
        person_ids = {eid: person.id for eid, person in persons.items()}
        names = load_child_names(
            unit, index, action, number_by_ref.values(), person_ids.values(), in_search=in_search
        )
    if names.record_ids:
        disclose(index, viewer, action, names.record_ids, sorted(names.fields))
    return ChildNames(
        by_record={
            ref: names.by_record[number] for ref, number in number_by_ref.items() if number in names.by_record
        },
        by_id={
            eid: names.by_person[number] for eid, number in person_ids.items() if number in names.by_person
        },
    )


@dataclass(frozen=True, slots=True)
class LoadedNames:
    """Names of children, with what the disclosure ledger must hold of them.

    Args:
        by_record: child by record number.
        by_person: child by person number.
        record_ids: records whose values are shown.
        fields: names of the fields that are shown.
    """

    by_record: Mapping[int, ChildName]
    by_person: Mapping[int, ChildName]
    record_ids: frozenset[int]
    fields: frozenset[str]


def load_child_names(
    unit: ReadUnit,
    index: Index,
    action: Action,
    record_ids: Iterable[int],
    person_ids: Iterable[int] = (),
    *,
    in_search: bool = False,
) -> LoadedNames:
    """Load the children's names of some records and persons.

    The caller writes the disclosure.

    Args:
        unit: the transaction of the viewer.
        index: the open index, for its rules of survivorship.
        action: the kind of request.
        record_ids: numbers of records; hidden ones get no name.
        person_ids: numbers of persons.
        in_search: whether records that are opted out are left out.
    """
    shown_records = visible_labels(unit, set(record_ids))
    person_by_record = unit.persons.current_persons(shown_records)
    members_by_person = unit.persons.members({*person_by_record.values(), *person_ids})
    values = _NameReader(unit, index, action, in_search=in_search).read(members_by_person)
    eids_by_person = {number: person.eid for number, person in unit.persons.by_ids(values).items()}
    rules = index.settings.survivorship.rules
    by_person: dict[int, ChildName] = {}
    record_ids_shown, fields = set[int](), set[str]()
    for person_id, values_by_attribute in values.items():
        chosen = {
            part: choice.stated for part, choice in choose_name(values_by_attribute, rules[NAME_RULE]).items()
        }
        birth_date = choose_value(values_by_attribute.get(_BIRTH_DATE, ()), rules[_BIRTH_DATE])
        chosen |= {} if birth_date is None else {_BIRTH_DATE: birth_date.stated}
        by_person[person_id] = ChildName(
            eids_by_person[person_id], **{attribute: value.value for attribute, value in chosen.items()}
        )
        record_ids_shown |= {value.record for value in chosen.values()}
        fields |= chosen.keys()
    return LoadedNames(
        by_record={
            record: by_person[person] for record, person in person_by_record.items() if person in by_person
        },
        by_person=by_person,
        record_ids=frozenset(record_ids_shown),
        fields=frozenset(fields),
    )


def _may_list(viewer: Viewer, action: Action) -> bool:
    """Return whether a list may hold names for the viewer.

    Nothing is listed for a viewer who must meet conditions on each child.
    """
    return is_allowed(viewer, action) and (viewer.rights is None or not viewer.rights.conditions)


def _find_numbers(unit: ReadUnit, records: Iterable[RecordRef]) -> dict[RecordRef, int]:
    """Return the numbers of records of sources that the viewer may see."""
    sources = {source.code: source.id for source in unit.sources.all() if unit.viewer.may_see(source.code)}
    local_ids_by_source: dict[str, set[str]] = {}
    for ref in records:
        if ref.source in sources:
            local_ids_by_source.setdefault(ref.source, set()).add(ref.local_id)
    return {
        RecordRef(source, local_id): record.id
        for source, local_ids in local_ids_by_source.items()
        for local_id, record in unit.records.find_by_local_ids(sources[source], local_ids).items()
    }


_Values = dict[str, list[StatedValue]]


class _NameReader:
    """Reads what the visible records of children state of their names.

    Args:
        unit: the transaction of the viewer.
        index: the open index.
        action: the kind of request.
        in_search: whether records that are opted out are left out.
    """

    def __init__(self, unit: ReadUnit, index: Index, action: Action, *, in_search: bool) -> None:
        self._unit = unit
        self._action = action
        self._in_search = in_search
        self._day = clock.today()
        self._verifying = index.settings.survivorship.verifying_systems
        self._sources = {source.id: source for source in unit.sources.all()}

    def read(self, members_by_person: Mapping[int, Collection[int]]) -> dict[int, _Values]:
        """Return stated values by attribute of each person with a visible record."""
        all_members = {record for members in members_by_person.values() for record in members}
        keys = self._unit.records.canonical_keys(visible_labels(self._unit, all_members))
        listed = {
            person: sorted((record for record in members if record in keys), key=keys.__getitem__)
            for person, members in members_by_person.items()
        }
        listed = {person: records[:MAX_RECORDS_OF_CHILD] for person, records in listed.items() if records}
        listed_records = {record for records in listed.values() for record in records}
        payloads = self._unit.record_versions.payloads(listed_records)
        # A correction of a record that is left out would still give its name.
        listed_records -= self._find_left_out(payloads)
        payloads = {record: payload for record, payload in payloads.items() if record in listed_records}
        consents = read_consents(self._unit, listed_records)
        corrections = find_corrections(self._unit, listed_records)
        corrections_by_record: dict[int, list[int]] = {}
        for correction in corrections:
            corrections_by_record.setdefault(correction.corrected, []).append(correction.record)
        payloads |= self._read_corrections(corrections, keys)
        populations = find_populations_by_child(
            self._unit, {person: members_by_person[person] for person in listed}
        )
        return {
            person: self._collect(
                [number for record in records for number in (record, *corrections_by_record.get(record, ()))],
                payloads,
                keys,
                populations[person],
                consents,
            )
            for person, records in listed.items()
        }

    def _read_corrections(
        self, corrections: Collection[Correction], keys: dict[int, int]
    ) -> dict[int, tuple[int, bytes]]:
        """Return source and content of stewards' corrections, and note their keys."""
        if not corrections:
            return {}
        records = self._unit.records.get([correction.record for correction in corrections])
        keys |= {number: record.canonical_key for number, record in records.items()}
        contents = self._unit.record_versions.payloads_of_versions(
            [record.version_id for record in records.values() if record.version_id is not None]
        )
        return {
            number: (record.source_id, contents[record.version_id])
            for number, record in records.items()
            if record.version_id in contents
        }

    def _collect(
        self,
        record_ids: Iterable[int],
        payloads: Mapping[int, tuple[int, bytes]],
        keys: Mapping[int, int],
        populations: StatedPopulations,
        consents: Mapping[int, frozenset[ConsentScope]],
    ) -> _Values:
        """Return what one child's records state and the policy carries."""
        values: _Values = {}
        for record_id in record_ids:
            if record_id not in payloads:
                continue
            source_id, payload = payloads[record_id]
            source = self._sources[source_id]
            origin = ValueOrigin(record_id, keys[record_id], source.code, source.kind)
            carried = self._carried_fields(source.code, populations | consents.get(record_id, frozenset()))
            record = record_from_bytes(payload, _READ_FIELDS)
            for attribute, value in read_name_and_birth_date(record, origin, self._verifying):
                if attribute in carried:
                    values.setdefault(attribute, []).append(value)
        return values

    def _find_left_out(self, payloads: Mapping[int, tuple[int, bytes]]) -> set[int]:
        """Return the records without which the answer is made.

        No search finds a record that is opted out, except its owner's.
        """
        if not self._in_search:
            return set()
        return {
            record
            for record, (source_id, payload) in payloads.items()
            if is_opted_out(record_from_bytes(payload, _READ_FIELDS), self._day)
            and not is_own_source(self._unit.viewer, self._sources[source_id].code)
        }

    def _carried_fields(self, source: str, stated: StatedFacts) -> frozenset[str]:
        """Return the fields that the policy carries of a source's records."""
        rights = self._unit.viewer.rights
        return _FIELDS if rights is None else rights.carried(self._action, source, stated).fields

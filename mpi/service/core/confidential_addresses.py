"""Protection of confidential whereabouts across all records of a person.

An address that one agency keeps confidential could be learned from another agency's record of the same child.
It could also be guessed: a search that compares a typed telephone number with a withheld one tells whether
they agree. So what is withheld on reading is not compared either (ADR 0081). Linkage itself compares all.

A protective order withholds the same as a confidential address, so that no answer tells which of the two a
record has (ADR 0088). An opt-out removes a record from searches and research.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mpi.domain import clock
from mpi.domain.features import LIST_COLUMNS, Features
from mpi.domain.record import CanonicalRecord
from mpi.domain.viewer import is_own_source, sees_only_own
from mpi.service.core.visibility import visible_labels
from mpi.standardize.fields.record_shape import FLAT_COLUMNS
from mpi.standardize.restrictions import are_whereabouts_withheld, is_opted_out
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.unit_of_work.units import ReadUnit

WITHHELD_FIELDS = frozenset({
    "addresses", "phone", "email", "enrollments", "guardians", "household_ids", "placements",
    *(column for columns in FLAT_COLUMNS.values() for column in columns),
})  # fmt: skip
"""Fields that tell where a child is: home, contacts, caregivers, school and placements.

They are withheld from every record of a person with a confidential address or a protective order. An answer
names them all as withheld, whether or not the record has a value.
"""

WITHHELD_COLUMNS = (
    "street_number", "street", "unit", "city", "state", "postal_code", "addresses", "phones", "email",
    "placement_homes", "shared_homes", "guardians", "guardian_surnames", "household_ids", "household_system",
)  # fmt: skip
"""Feature columns that are computed from ``WITHHELD_FIELDS``."""
_RESTRICTING_FIELDS = frozenset({"addresses", "restrictions"})
"""Fields that decide whether something of a record is withheld."""
NO_RECORDS: Mapping[int, CanonicalRecord] = MappingProxyType({})
_NO_CONTACTS = {column: () if column in LIST_COLUMNS else None for column in WITHHELD_COLUMNS}


@dataclass(frozen=True, slots=True)
class RestrictedRecords:
    """Records of which an answer to the viewer may not tell everything.

    Args:
        withheld: records whose whereabouts are withheld.
        opted_out: records that no search and no research export contains.
    """

    withheld: frozenset[int] = frozenset()
    opted_out: frozenset[int] = frozenset()


def has_confidential_address(unit: ReadUnit, record_ids: Collection[int]) -> bool:
    """Return whether the persons behind some records have confidential whereabouts.

    Any record of these persons counts, if the viewer may see it: hidden records must not be revealed.
    """
    return bool(_find_restricted_records(unit, record_ids).withheld)


def find_withheld_records(
    unit: ReadUnit, record_ids: Collection[int], known: Mapping[int, CanonicalRecord] = NO_RECORDS
) -> frozenset[int]:
    """Return the records whose whereabouts are withheld from the viewer.

    These are records of a person with a confidential address or a protective order. Nothing is withheld of
    records of the viewer's own sources.

    Args:
        unit: the transaction of the viewer.
        record_ids: the records.
        known: visible records that the caller has read, with addresses and restrictions; they are not read
            again.
    """
    return find_restricted_records(unit, record_ids, known).withheld


def find_restricted_records(
    unit: ReadUnit, record_ids: Collection[int], known: Mapping[int, CanonicalRecord] = NO_RECORDS
) -> RestrictedRecords:
    """Return the records whose whereabouts are withheld, and those opted out.

    Nothing is withheld of records of the viewer's own sources. To be named for the source of another party,
    as a recipient is, makes no owner. Arguments as for ``find_withheld_records``.
    """
    viewer = unit.viewer
    if not record_ids or sees_only_own(viewer):
        return RestrictedRecords()
    restricted = _find_restricted_records(unit, record_ids, known)
    if viewer.sources is None:
        return restricted
    labels = unit.records.labels(restricted.withheld | restricted.opted_out)
    own = {record for record, label in labels.items() if is_own_source(viewer, label.source)}
    return RestrictedRecords(restricted.withheld - own, restricted.opted_out - own)


def are_record_whereabouts_withheld(record: CanonicalRecord) -> bool:
    """Return whether a record itself withholds its child's whereabouts today."""
    return are_whereabouts_withheld(record, clock.today())


def withhold_contacts(features: Features) -> Features:
    """Return the features that a record would have without its whereabouts."""
    if all(getattr(features, column) == missing for column, missing in _NO_CONTACTS.items()):
        return features
    return replace(features, **_NO_CONTACTS)  # type: ignore[arg-type]


def withhold_contacts_of(
    features_by_record: Mapping[int, Features], withheld: Collection[int]
) -> dict[int, Features]:
    """Return features by record, without the whereabouts of some records."""
    return {
        record: withhold_contacts(features) if record in withheld else features
        for record, features in features_by_record.items()
    }


def _find_restricted_records(
    unit: ReadUnit, record_ids: Collection[int], known: Mapping[int, CanonicalRecord] = NO_RECORDS
) -> RestrictedRecords:
    """Return records of persons with visible restrictions, and opted-out records."""
    person_by_record = unit.persons.current_persons(record_ids)
    members_by_person = unit.persons.members(set(person_by_record.values()))
    member_ids = {record for members in members_by_person.values() for record in members}
    unread = visible_labels(unit, {*record_ids, *member_ids} - known.keys())
    records = dict(known) | {
        record: record_from_bytes(payload, _RESTRICTING_FIELDS)
        for record, (_, payload) in unit.record_versions.payloads(unread).items()
    }
    day = clock.today()
    confidential = {record for record, content in records.items() if are_whereabouts_withheld(content, day)}
    confidential_persons = {
        person for person, members in members_by_person.items() if not confidential.isdisjoint(members)
    }
    return RestrictedRecords(
        withheld=frozenset(
            record
            for record in record_ids
            if record in confidential or person_by_record.get(record) in confidential_persons
        ),
        opted_out=frozenset(
            record for record in record_ids if record in records and is_opted_out(records[record], day)
        ),
    )

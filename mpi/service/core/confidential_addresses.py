"""Protection of confidential addresses across all records of a person.

An address that one agency keeps confidential could be learned from another agency's record of the same child.
It could also be guessed: a search that compares a typed telephone number with a withheld one tells whether
they agree. So what is withheld on reading is not compared either (ADR 0081). Linkage itself compares all.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from mpi.domain.features import LIST_COLUMNS, Features
from mpi.service.core.stored_features import load_features
from mpi.service.core.visibility import visible_labels
from mpi.standardize.address.addresses import is_address_confidential
from mpi.standardize.fields.record_shape import FLAT_COLUMNS
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.unit_of_work.units import ReadUnit

WITHHELD_FIELDS = frozenset({"addresses", "phone", "email", *FLAT_COLUMNS["addresses"]})
"""Contact fields withheld from every record of a person with a confidential address."""

WITHHELD_COLUMNS = (
    "street_number", "street", "unit", "city", "state", "postal_code", "addresses", "phones", "email",
    "placement_homes", "shared_homes",
)  # fmt: skip
"""Feature columns that are computed from ``WITHHELD_FIELDS``."""
_NO_CONTACTS = {column: () if column in LIST_COLUMNS else None for column in WITHHELD_COLUMNS}


def has_confidential_address(unit: ReadUnit, record_ids: Collection[int]) -> bool:
    """Return whether the persons behind some records have a confidential address.

    Any record of these persons counts, if the viewer may see it: hidden records must not be revealed.
    """
    return bool(_find_confidential_records(unit, record_ids))


def find_withheld_records(unit: ReadUnit, record_ids: Collection[int]) -> set[int]:
    """Return the records whose contact details are withheld from the viewer.

    These are records of a person with a confidential address. A viewer who is limited to named sources sees
    only records of these sources, and nothing of them is withheld.
    """
    if unit.viewer.sources is not None or not record_ids:
        return set()
    return _find_confidential_records(unit, record_ids)


def withhold_contacts(features: Features) -> Features:
    """Return the features that a record would have without contact details."""
    if all(getattr(features, column) == missing for column, missing in _NO_CONTACTS.items()):
        return features
    return replace(features, **_NO_CONTACTS)  # type: ignore[arg-type]


def withhold_contacts_of(
    features_by_record: Mapping[int, Features], withheld: Collection[int]
) -> dict[int, Features]:
    """Return features by record, without the contact details of some records."""
    return {
        record: withhold_contacts(features) if record in withheld else features
        for record, features in features_by_record.items()
    }


def load_visible_features(unit: ReadUnit, config_id: int, record_ids: Collection[int]) -> dict[int, Features]:
    """Load comparison features, without contact details withheld from the viewer.

    Whatever compares records in order to show the result to a viewer uses these.
    """
    return withhold_contacts_of(
        load_features(unit, config_id, record_ids), find_withheld_records(unit, record_ids)
    )


def _find_confidential_records(unit: ReadUnit, record_ids: Collection[int]) -> set[int]:
    """Return the records of persons with a visible confidential address."""
    person_by_record = unit.persons.current_persons(record_ids)
    members_by_person = unit.persons.members(set(person_by_record.values()))
    member_ids = {record for members in members_by_person.values() for record in members}
    payloads = unit.records.payloads(visible_labels(unit, {*record_ids, *member_ids}))
    confidential = {
        record
        for record, (_, payload) in payloads.items()
        if is_address_confidential(record_from_bytes(payload))
    }
    confidential_persons = {
        person for person, members in members_by_person.items() if not confidential.isdisjoint(members)
    }
    return {
        record
        for record in record_ids
        if record in confidential or person_by_record.get(record) in confidential_persons
    }

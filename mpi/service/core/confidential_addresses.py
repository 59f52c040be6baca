"""Protection of confidential addresses across all records of a person.

An address that one agency keeps confidential could be learned from another agency's record of the same child.
"""

from collections.abc import Collection

from mpi.service.core.visibility import visible_labels
from mpi.standardize.address.addresses import is_address_confidential
from mpi.standardize.fields.record_shape import FLAT_COLUMNS
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.unit_of_work.units import ReadUnit

WITHHELD_FIELDS = frozenset({"addresses", "phone", "email", *FLAT_COLUMNS["addresses"]})
"""Contact fields withheld from every record of a person with a confidential address."""


def has_confidential_address(unit: ReadUnit, record_ids: Collection[int]) -> bool:
    """Return whether the persons behind some records have a confidential address.

    Any record of these persons counts, if the viewer may see it: hidden records must not be revealed.
    """
    person_ids = set(unit.persons.current_persons(record_ids).values())
    member_ids = {
        record_id
        for person_records in unit.persons.members(person_ids).values()
        for record_id in person_records
    }
    payloads = unit.records.payloads(visible_labels(unit, {*record_ids, *member_ids}))
    return any(is_address_confidential(record_from_bytes(payload)) for _, payload in payloads.values())

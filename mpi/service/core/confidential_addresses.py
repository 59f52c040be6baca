"""Confidential addresses: what one agency must keep, another agency's record of the same child would tell."""

from collections.abc import Collection

from mpi.service.core.visibility import visible_labels
from mpi.standardize.address.addresses import is_confidential
from mpi.standardize.fields.record_shape import FLAT_COLUMNS
from mpi.standardize.payload import record_from_bytes
from mpi.storage.unit_of_work.unit import ReadUnit

WITHHELD_FIELDS = frozenset({"addresses", "phone", "email", *FLAT_COLUMNS["addresses"]})
"""Fields of no record of a child, as it is read, where the address of one of them is confidential."""


def has_confidential_address(unit: ReadUnit, record_ids: Collection[int]) -> bool:
    """Whether any of the records, or another record of the same person, keeps its address confidential.

    Only records that the viewer may see count: what is left out must not tell that there are others.
    """
    persons = set(unit.persons.current_persons(record_ids).values())
    members = {record for held in unit.persons.members(persons).values() for record in held}
    payloads = unit.records.payloads(visible_labels(unit, {*record_ids, *members}))
    return any(is_confidential(record_from_bytes(payload)) for _, payload in payloads.values())

"""Structure of a canonical record: its list fields and flat columns."""

from collections.abc import Mapping
from typing import NamedTuple

from mpi.domain.record import (
    Address,
    Enrollment,
    Flag,
    Guardian,
    Identifier,
    LinkageToken,
    OtherName,
    Placement,
    Restriction,
)

ITEM_KINDS: Mapping[str, type[NamedTuple]] = {
    "other_names": OtherName,
    "identifiers": Identifier,
    "linkage_tokens": LinkageToken,
    "addresses": Address,
    "guardians": Guardian,
    "enrollments": Enrollment,
    "placements": Placement,
    "flags": Flag,
    "restrictions": Restriction,
}
"""List fields whose entries are objects."""

SCALAR_LISTS = frozenset(("previous_birth_dates", "household_ids", "race"))
"""List fields whose entries are texts."""

FLAT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "addresses": ("address_line1", "address_line2", "city", "state", "postal_code", "county"),
    "guardians": ("guardian_first_name", "guardian_last_name", "guardian_relationship"),
    "enrollments": ("school_id", "district_id", "grade", "entry_date", "exit_date"),
}
"""List fields whose first entry may be sent in flat columns."""


ITEM_COLUMNS: Mapping[str, frozenset[str]] = {
    name: frozenset(kind._fields) for name, kind in ITEM_KINDS.items()
}
"""Columns that an entry of each list field may have."""

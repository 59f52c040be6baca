"""Standardization of parents' and guardians' names.

Only guardians who may be family are evidence of who a child is.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from mpi.domain.record import Guardian
from mpi.standardize.missing_values import is_missing_marker
from mpi.standardize.name.full_names import split_full_name
from mpi.standardize.name.names import add_formal_names, parse_given_name, parse_surname
from mpi.standardize.text_folding import CACHE_SIZE, squeeze

# A placement's adults change with the placement and are shared by unrelated children; so are an
# agency's staff.
_NON_FAMILY_RELATIONSHIP = re.compile(
    r"FOSTER|RESOURCE|CAREGIVER|CARETAKER|WORKER|AGENCY|GROUPHOME|SHELTER|CONGREGATE|RESIDENTIAL"
    r"|INSTITUTION|FACILITY|PROBATION|STAFF|ADLITEM|CASA|ATTORNEY|COURT|DOCTOR|PHYSICIAN|TEACHER"
    r"|COUNSELOR|NEIGHBOR|EMERGENCY"
)


def build_guardian_names(guardians: Iterable[Guardian]) -> tuple[str, ...]:
    """Return ``GIVEN SURNAME`` of each family guardian with both names, sorted.

    A nickname is listed also under each formal name, as ``given_roots`` lists a child's. Foster
    parents, other caregivers by placement, and professionals are left out.
    """
    names = {
        name
        for guardian in guardians
        if _is_family(guardian.guardian_relationship)
        for name in _build_names(guardian.guardian_first_name, guardian.guardian_last_name)
    }
    return tuple(sorted(names))


def extract_surnames(names: Iterable[str]) -> tuple[str, ...]:
    """Return the guardians' last names from ``build_guardian_names``, sorted."""
    return tuple(sorted({name.partition(" ")[2] for name in names}))


@lru_cache
def _is_family(relationship: str | None) -> bool:
    """Return whether a guardian's relationship may be a family one."""
    return not relationship or _NON_FAMILY_RELATIONSHIP.search(squeeze(relationship)) is None


@lru_cache(CACHE_SIZE)
def _build_names(first: str | None, last: str | None) -> frozenset[str]:
    """Return a guardian's name under each formal given name."""
    if first is None or last is None:
        # Many systems keep a guardian's whole name in one field.
        whole_name = first or last or ""
        if is_missing_marker(whole_name):
            return frozenset()
        first, _, last = split_full_name(whole_name)
    given, surname = parse_given_name(first).name, parse_surname(last).name
    if not given or not surname:
        return frozenset()
    return frozenset(f"{root} {surname}" for root in add_formal_names((given,)))

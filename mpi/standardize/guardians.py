"""Parents and guardians, as far as they are evidence of who a child is."""

import re
from collections.abc import Iterable
from functools import lru_cache

from mpi.domain.record import Guardian
from mpi.standardize.full_names import split_full_name
from mpi.standardize.names import read_given, read_surname
from mpi.standardize.text import CACHE_SIZE, squeezed

# A placement's adults change with the placement and are shared by unrelated children; so are an
# agency's staff.
_NOT_FAMILY = re.compile(
    r"FOSTER|RESOURCE|CAREGIVER|CARETAKER|WORKER|AGENCY|GROUPHOME|SHELTER|CONGREGATE|RESIDENTIAL"
    r"|INSTITUTION|FACILITY|PROBATION|STAFF|ADLITEM|CASA|ATTORNEY|COURT|DOCTOR|PHYSICIAN|TEACHER"
    r"|COUNSELOR|NEIGHBOR|EMERGENCY"
)


def guardian_names(guardians: Iterable[Guardian]) -> tuple[str, ...]:
    """``GIVEN SURNAME`` of each parent or guardian with both names, each closed up; sorted.

    Foster parents, other caregivers by placement, and professionals are left out.
    """
    names = {
        _name(guardian.guardian_first_name, guardian.guardian_last_name)
        for guardian in guardians
        if _is_family(guardian.guardian_relationship)
    }
    return tuple(sorted(name for name in names if name))


@lru_cache
def _is_family(relationship: str | None) -> bool:
    return not relationship or _NOT_FAMILY.search(squeezed(relationship)) is None


@lru_cache(CACHE_SIZE)
def _name(first: str | None, last: str | None) -> str | None:
    if first is None or last is None:
        # Many systems keep a guardian's whole name in one field.
        first, _, last = split_full_name(first or last or "")
    given, surname = read_given(first).name, read_surname(last).name
    return f"{given} {surname}" if given and surname else None

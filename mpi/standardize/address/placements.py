"""Homes in which a child was placed, told apart from the family's own.

A placement's home is shared by children who are not kin, and the school hears of it as the child's home. So
it may hold a link back and never carry one (law 8).
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from mpi.domain.record import CanonicalRecord
from mpi.standardize.address.addresses import ParsedAddress, list_address_keys
from mpi.standardize.text import squeeze

# Living arrangements of AFCARS 2020 (elements 113 to 120) in the words of child-welfare systems. Ed-Fi's
# "Shelter, Transitional housing, Awaiting Foster" is where a family without a home stays, and a school's
# "residential address" is anybody's.
_PLACEMENT_TYPE = re.compile(
    r"(?<!PRE)PLACEMENT|(?<!AWAITING)FOSTER|KINSHIP|RELATIVEHOME|PREADOPT|RESOURCE(?:HOME|FAMILY|PARENT)"
    r"|GROUPHOME|CONGREGATE|QRTP|RESIDENTIAL(?:CARE|TREATMENT|FACILITY)|INSTITUTION|SHELTERCARE"
)


def find_placement_homes(record: CanonicalRecord, homes: Sequence[ParsedAddress]) -> tuple[str, ...]:
    """The key of each home in which the child is or was placed, sorted.

    An address says so by its type. Where the first has none, the first guardian speaks for it: both are
    what the source sends in its flat columns.

    Args:
        record: the record.
        homes: its addresses as read, in its order; none where they are confidential.
    """
    found = zip(record.addresses, homes, strict=False)  # a confidential record has addresses and no homes
    carer = record.guardians[0].guardian_relationship if record.guardians else None
    return list_address_keys(
        home
        for number, (address, home) in enumerate(found)
        if _is_placement(address.type or (carer if number == 0 else None))
    )


@lru_cache
def _is_placement(text: str | None) -> bool:
    return text is not None and _PLACEMENT_TYPE.search(squeeze(text)) is not None

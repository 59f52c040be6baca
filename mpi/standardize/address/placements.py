"""Detection of addresses in which a child was placed in care.

A placement's home is shared by children who are not kin, and a school may hear of it as the child's home. So
it may lower a pair's band and never raise it (law 8).
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from mpi.domain.record import CanonicalRecord
from mpi.standardize.address.addresses import ParsedAddress, list_address_keys
from mpi.standardize.text_folding import squeeze

# Living arrangements of AFCARS 2020 (elements 113 to 120) in the words of child-welfare systems. Ed-Fi's
# "Shelter, Transitional housing, Awaiting Foster" is where a family without a home stays, and a school's
# "residential address" is anybody's.
_PLACEMENT_TYPE = re.compile(
    r"(?<!PRE)PLACEMENT|(?<!AWAITING)FOSTER|KINSHIP|RELATIVEHOME|PREADOPT|RESOURCE(?:HOME|FAMILY|PARENT)"
    r"|GROUPHOME|CONGREGATE|QRTP|RESIDENTIAL(?:CARE|TREATMENT|FACILITY)|INSTITUTION|SHELTERCARE"
)


def find_placement_homes(record: CanonicalRecord, homes: Sequence[ParsedAddress]) -> tuple[str, ...]:
    """Return the addresses in which a child was placed, as sorted keys.

    An address says so by its type. Where the first has none, the relationship of the first guardian counts:
    both are what the source sends in its flat columns.

    Args:
        record: the record.
        homes: its parsed addresses, in its order; none where they are confidential.
    """
    address_homes = zip(
        record.addresses, homes, strict=False
    )  # a confidential record has addresses and no homes
    relationship = record.guardians[0].guardian_relationship if record.guardians else None
    return list_address_keys(
        home
        for number, (address, home) in enumerate(address_homes)
        if _is_placement(address.type or (relationship if number == 0 else None))
    )


@lru_cache
def _is_placement(text: str | None) -> bool:
    """Return whether an address type or relationship means a placement."""
    return text is not None and _PLACEMENT_TYPE.search(squeeze(text)) is not None

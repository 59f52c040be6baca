"""Restrictions of a record that are in force on a day.

An answer obeys what is in force when it is given. No write is needed on the day on which a restriction begins
or ends. Standardizing is another matter: what is compared follows from the record alone, never from the clock
(``mpi.standardize.address.addresses``).
"""

from collections.abc import Mapping
from typing import Any

from mpi.domain.record import Address, CanonicalRecord, Restriction
from mpi.standardize.address.addresses import is_substitute_address
from mpi.standardize.fields.dates import to_iso_day

ADDRESS_CONFIDENTIAL, PROTECTIVE_ORDER, OPT_OUT = "address_confidential", "protective_order", "opt_out"


def are_whereabouts_withheld(record: CanonicalRecord, day: str) -> bool:
    """Return whether a record keeps its child's whereabouts confidential.

    A confidential address and a protective order say so until their end, even before their begin. An end that
    cannot be read never comes. The substitute address of an Address Confidentiality Program says so too.

    Args:
        record: the record with all restrictions that stay in force.
        day: the day of the answer, ``YYYY-MM-DD``.
    """
    return any(
        restriction.kind in (ADDRESS_CONFIDENTIAL, PROTECTIVE_ORDER) and not _has_ended(restriction, day)
        for restriction in record.restrictions
    ) or any(is_substitute_address(address) for address in record.addresses)


def are_whereabouts_withheld_as_sent(record: Mapping[str, Any], day: str) -> bool:
    """Return whether whereabouts are withheld for a record in canonical fields.

    Args:
        record: a stored record in the form in which it is sent and shown.
        day: the day of the answer, ``YYYY-MM-DD``.
    """
    canonical = CanonicalRecord(
        local_id=record.get("local_id", "-"),
        addresses=tuple(Address(**address) for address in record.get("addresses", ())),
        restrictions=tuple(Restriction(**restriction) for restriction in record.get("restrictions", ())),
    )
    return are_whereabouts_withheld(canonical, day)


def is_opted_out(record: CanonicalRecord, day: str) -> bool:
    """Return whether a record's person is opted out of search and research.

    An opt-out holds from its begin to the day before its end. A begin that cannot be read has come.

    Args:
        record: the record with all restrictions that stay in force.
        day: the day of the answer, ``YYYY-MM-DD``.
    """
    return any(
        restriction.kind == OPT_OUT
        and (to_iso_day(restriction.begin) or day) <= day
        and not _has_ended(restriction, day)
        for restriction in record.restrictions
    )


def is_restricted(record: CanonicalRecord, day: str) -> bool:
    """Return whether a record has any restriction that has not ended.

    The substitute address of an Address Confidentiality Program is one.

    Args:
        record: the record with all restrictions that stay in force.
        day: the day of the answer, ``YYYY-MM-DD``.
    """
    return any(not _has_ended(restriction, day) for restriction in record.restrictions) or any(
        is_substitute_address(address) for address in record.addresses
    )


def _has_ended(restriction: Restriction, day: str) -> bool:
    end = to_iso_day(restriction.end)
    return end is not None and end <= day

"""Population groups of record pairs, by which error rates are told.

Groups follow from features. Race, ethnicity and flags are no features (law 8), and no group.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from mpi.domain.features import Features

EVERYONE = "all"
"""Group of every pair."""
_SSN = "ssn"


class RecordFacts(NamedTuple):
    """Facts of a record that decide its groups and its trusted numbers.

    Args:
        sex: sex, if it is known.
        has_two_surnames: whether its last name has several parts.
        has_home: whether it has an address.
        numbers: SSN and identifier, by system.
    """

    sex: str | None
    has_two_surnames: bool
    has_home: bool
    numbers: Mapping[str, str]


def read_facts(features: Features) -> RecordFacts:
    """Read the facts of a record from its features.

    An identifier counts as a number of its system only if the record has no other: the features do not tell
    which identifier is of which system.
    """
    numbers = {_SSN: features.ssn} if features.ssn else {}
    if len(features.identifiers) == len(features.identifier_systems) == 1:
        numbers[features.identifier_systems[0]] = features.identifiers[0]
    return RecordFacts(features.sex, len(features.surname_tokens) > 1, bool(features.addresses), numbers)


def list_groups(left: RecordFacts, right: RecordFacts) -> tuple[str, ...]:
    """List the population groups of a pair of records."""
    return (
        EVERYONE,
        f"sex {left.sex}" if left.sex and left.sex == right.sex else "sex unknown or different",
        "two last names" if left.has_two_surnames or right.has_two_surnames else "one last name",
        "home in both" if left.has_home and right.has_home else "home missing",
        "number in both" if left.numbers and right.numbers else "number missing",
    )


def compare_numbers(left: RecordFacts, right: RecordFacts) -> bool | None:
    """Return whether two records share a number; None if incomparable."""
    systems = left.numbers.keys() & right.numbers.keys()
    return any(left.numbers[system] == right.numbers[system] for system in systems) if systems else None


def hide_numbers(features: Features) -> Features:
    """Return a record's features without its numbers."""
    return replace(
        features, ssn=None, ssn_last4=None, identifiers=(), identifiers_near=(), identifier_systems=()
    )

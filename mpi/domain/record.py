"""The canonical record: what one source states about one person.

The field names are the project's published interface (docs/canonical-record.md). ``ssn`` and ``ssn_last4``
are fields of the *sent* record only: validation turns them into keyed tokens, and no object, table, log or
reject holds the digits.

A record and its entries are named tuples: frozen dataclasses took four times as long to make, a tenth of the
time of a load.
"""

from dataclasses import dataclass
from typing import NamedTuple

SENT_FIELDS = (
    "local_id", "first_name", "middle_name", "last_name", "suffix", "preferred_name", "other_names",
    "birth_date", "birth_date_quality", "previous_birth_dates", "sex", "ssn", "ssn_last4", "identifiers",
    "linkage_tokens",
    "address_line1", "address_line2", "city", "state", "postal_code", "county", "addresses",
    "phone", "email", "guardian_first_name", "guardian_last_name", "guardian_relationship", "guardians",
    "household_ids", "birth_city", "birth_state", "birth_country", "multiple_birth",
    "birth_order",
    "school_id", "district_id", "grade", "entry_date", "exit_date", "enrollments", "placements",
    "race", "ethnicity", "subject", "death_date", "flags", "restrictions", "merged_into", "as_of",
)  # fmt: skip
"""Fields of a canonical record as sent: the CSV header and the JSON keys."""
EXPUNGE_MARK = "+expunged"
"""Ending of the content hash of a version that asks to expunge its record."""


class Identifier(NamedTuple):
    """An identifier of a person, unique only within (system, assigner)."""

    system: str
    assigner: str
    value: str
    begin: str | None = None
    end: str | None = None


class LinkageToken(NamedTuple):
    """A token that stands for values which the source may not share.

    Args:
        exchange: code of the exchange under whose secret it was made.
        rule: ``T1`` to ``T5`` of Open Link Token.
        token: the token, 32 bytes in base64.
    """

    exchange: str
    rule: str
    token: str


class OtherName(NamedTuple):
    """Alias, previous legal name, nickname or preferred name of a person."""

    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    type: str | None = None
    begin: str | None = None
    end: str | None = None


class Address(NamedTuple):
    """An address where the person lives or lived."""

    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    county: str | None = None
    type: str | None = None
    begin: str | None = None
    end: str | None = None


class Guardian(NamedTuple):
    """Parent, guardian or caregiver of a child."""

    guardian_first_name: str | None = None
    guardian_last_name: str | None = None
    guardian_relationship: str | None = None
    begin: str | None = None
    end: str | None = None


class Enrollment(NamedTuple):
    """School enrollment of a child, from ``entry_date`` until before ``exit_date``."""

    school_id: str | None = None
    district_id: str | None = None
    grade: str | None = None
    entry_date: str | None = None
    exit_date: str | None = None


class Placement(NamedTuple):
    """Placement of a child in care, from ``begin`` until before ``end``."""

    type: str | None = None
    begin: str | None = None
    end: str | None = None
    county: str | None = None


class Flag(NamedTuple):
    """What a source asserts on a child's belonging to a special population.

    The absence of a flag means unknown.

    Args:
        population: such as ``foster_care``, ``homeless``, ``english_learner`` (docs/reference/flags.md).
        value: ``Y``, ``N`` or ``U``.
        definition: whose definition applies, such as ``ESSA`` or ``LCFF``.
        detail: a code within the population.
        begin: first day on which the flag holds, ``YYYY-MM-DD``.
        end: first day on which the flag no longer holds.
        asserted_by: who asserts the flag, where that is not the source itself.
    """

    population: str
    value: str
    definition: str
    detail: str | None = None
    begin: str | None = None
    end: str | None = None
    asserted_by: str | None = None


class Restriction(NamedTuple):
    """Legal restriction on the use or disclosure of a record."""

    kind: str
    begin: str | None = None
    end: str | None = None
    reference: str | None = None


class CanonicalRecord(NamedTuple):
    """What one source states about one person at one time.

    Text is as the source wrote it, trimmed; dates are text as sent. The lists ``addresses``, ``guardians``
    and ``enrollments`` hold the flat columns as their first entry.

    Args:
        ssn_token: kept tokens of a plausible SSN; None where missing or never issued.
        ssn_last4_token: kept tokens of the last four digits of the SSN.
        as_of: time at which the statement was true at its source, ISO 8601 UTC
            (``mpi.domain.clock.format_timestamp``).
    """

    local_id: str
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    suffix: str | None = None
    preferred_name: str | None = None
    other_names: tuple[OtherName, ...] = ()
    birth_date: str | None = None
    birth_date_quality: str | None = None
    previous_birth_dates: tuple[str, ...] = ()
    sex: str | None = None
    ssn_token: str | None = None
    ssn_last4_token: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    linkage_tokens: tuple[LinkageToken, ...] = ()
    addresses: tuple[Address, ...] = ()
    phone: str | None = None
    email: str | None = None
    guardians: tuple[Guardian, ...] = ()
    household_ids: tuple[str, ...] = ()
    birth_city: str | None = None
    birth_state: str | None = None
    birth_country: str | None = None
    multiple_birth: bool | None = None
    birth_order: str | None = None
    enrollments: tuple[Enrollment, ...] = ()
    placements: tuple[Placement, ...] = ()
    race: tuple[str, ...] = ()
    ethnicity: str | None = None
    subject: str | None = None
    death_date: str | None = None
    flags: tuple[Flag, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    merged_into: str | None = None
    as_of: str | None = None


@dataclass(frozen=True, slots=True)
class QualityIssue:
    """Fault of a record's value that its source should correct.

    The value itself is not kept.

    Args:
        field: the canonical field.
        code: ``impossible-date``, ``future-date``, ``early-date``, ``sentinel-date``, ``placeholder-name``,
            ``invalid-ssn``, ``invalid-phone``, ``invalid-postal-code``, ``unknown-code``, …
    """

    field: str
    code: str

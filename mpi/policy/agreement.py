"""Data-sharing agreements: who discloses what to whom, why and until when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from operator import attrgetter

from mpi.domain.children.items import ItemKind
from mpi.domain.record import SENT_FIELDS
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT
from mpi.policy.parties import ALL, Party

HOUSE = "house"
"""Code of the agreement that every index has from its start."""

NOTICE_DAYS = (90, 30, 7)
"""Days before the end of an agreement at which its parties are warned."""

FLAG_PREFIX = "flags."
"""Beginning of the name of the flags of one population, such as ``flags.foster_care``."""

OUTPUT_FIELDS = frozenset({*SENT_FIELDS, "caseworker", *ItemKind}) - {
    "ssn", "ssn_last4", "linkage_tokens",
}  # fmt: skip
"""Fields of the canonical record that an agreement may permit, ``caseworker`` and items of a child.

A name that starts with ``FLAG_PREFIX`` permits the flags of one population. Numbers of Social Security are
never in an answer, and nor are linkage tokens.
"""

MATCHING_FIELDS = frozenset(SENT_FIELDS) - {
    "local_id", "race", "ethnicity", "flags", "restrictions", "subject", "death_date", "merged_into", "as_of",
    "birth_order",
}  # fmt: skip
"""Fields of the canonical record that may be compared to link records.

Flags, race and ethnicity are never evidence (law 8).
"""

_LIST_OF_FIELD = {
    **dict.fromkeys(
        ("address_line1", "address_line2", "city", "state", "postal_code", "county"), "addresses"
    ),
    **dict.fromkeys(("guardian_first_name", "guardian_last_name", "guardian_relationship"), "guardians"),
    **dict.fromkeys(("school_id", "district_id", "grade", "entry_date", "exit_date"), "enrollments"),
}
"""The list whose first entry holds a flat column of the canonical record."""
CODE_LISTS = (
    "country", "county", "district", "ethnicity", "flag_definition", "grade", "placement_type", "race",
    "school", "state",
)  # fmt: skip
"""Lists of codes that an agreement may extend, for values that leave in a research extract."""
CONSENT = "consent"
"""Legal basis of a grant that discloses a record only while a consent for it is in force."""


class AgreementState(StrEnum):
    """State of an agreement on a day; only ``active`` permits anything."""

    DRAFT = "draft"
    """Not approved yet."""
    SCHEDULED = "scheduled"
    """Approved, and its first day has not come."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    ENDED = "ended"


LAPSED_STATES = frozenset({AgreementState.SUSPENDED, AgreementState.EXPIRED, AgreementState.ENDED})
"""States of an agreement that was in force and is no longer."""


class LinkedBy(StrEnum):
    """Partition from which the children of a research extract come."""

    OPERATIONAL = "operational"
    """That of the enterprise IDs, in which a false link costs most."""
    STATISTICAL = "statistical"
    """That of the model's statistical thresholds, in which a false link costs what a missed one does."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one party discloses to another: one direction and population.

    Args:
        discloser: code of the party whose records are disclosed.
        recipient: code of the party that receives them.
        population: code of the population, such as ``foster_care``; ``ALL`` for every child.
        legal_basis: code of the legal basis.
        purposes: codes of the permitted purposes.
        output_fields: fields that an answer may hold (``OUTPUT_FIELDS``, ``flags.POPULATION`` or ``ALL``).
        matching_fields: fields that may be compared (``MATCHING_FIELDS`` or ``ALL``).
    """

    discloser: str
    recipient: str
    population: str
    legal_basis: str
    purposes: frozenset[str]
    output_fields: frozenset[str]
    matching_fields: frozenset[str]

    def permits_output(self, field: str) -> bool:
        """Return whether an answer may hold a field of the canonical record.

        ``flags`` permits the flags of every population. A list, such as ``addresses``, permits its flat
        columns, such as ``city``.
        """
        if field in self.output_fields or ALL in self.output_fields:
            return True
        if field.startswith(FLAG_PREFIX):
            return "flags" in self.output_fields
        return _LIST_OF_FIELD.get(field) in self.output_fields

    @property
    def needs_consent(self) -> bool:
        """Whether it discloses a record only by a consent."""
        return self.legal_basis == CONSENT

    def limit_to(self, fields: Iterable[str]) -> "Grant":
        """Return the grant for the fields alone that a consent names too.

        What the consent does not name is neither answered nor compared.
        """
        named = frozenset(fields)
        may_match = MATCHING_FIELDS if self.matches_all_fields else self.list_matching_fields()
        return replace(
            self,
            output_fields=frozenset(filter(self.permits_output, named)),
            matching_fields=named & may_match,
        )

    @property
    def matches_all_fields(self) -> bool:
        """Whether the grant permits every field to be compared."""
        return ALL in self.matching_fields

    def list_matching_fields(self) -> frozenset[str]:
        """Return the fields that may be compared, flat columns included."""
        columns = {column for column, name in _LIST_OF_FIELD.items() if name in self.matching_fields}
        return self.matching_fields | columns


@dataclass(frozen=True, slots=True)
class Clock:
    """A time within which the parties of an agreement must act.

    Args:
        name: what must be done, such as ``inspection``, ``amendment`` or ``breach_notice``.
        days: days within which it must be done.
    """

    name: str
    days: int


@dataclass(frozen=True, slots=True)
class Owner:
    """Office that answers for a duty under an agreement.

    Args:
        party: code of the party.
        duty: such as ``data_steward``, ``custodian`` or ``breach_contact``.
        office: the office or position, not the name of a person.
    """

    party: str
    duty: str
    office: str


@dataclass(frozen=True, slots=True)
class CodeList:
    """Values that a research extract may hold as they were sent.

    Args:
        name: one of ``CODE_LISTS``.
        codes: the values, such as the names of a state's counties.
    """

    name: str
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of a data-sharing agreement, with what became of it.

    Args:
        code: code of the agreement, such as ``dsa-2026-01``.
        version: number of the version, from 1.
        title: name for people.
        parties: the parties, each with a code of its own.
        grants: what they disclose to each other.
        begins: first day on which it is in force.
        ends: last day on which it is in force; None where it has no end.
        is_approved: whether a second person approved this version.
        is_suspended: whether the agreement is suspended.
        ended_on: day on which the agreement was ended for good.
        retention_days: days after which a recipient destroys the data; None where it is not limited.
        redisclosure: whether a recipient may pass the data on.
        small_cell: smallest count above 0 that a recipient may publish.
        clocks: times within which the parties must act.
        owners: offices that answer for duties.
        codes: values that a research extract may hold as they were sent.
        partitions: partitions from which a research extract may have its children.
    """

    code: str
    version: int
    title: str
    parties: tuple[Party, ...]
    grants: tuple[Grant, ...]
    begins: date
    ends: date | None = None
    is_approved: bool = False
    is_suspended: bool = False
    ended_on: date | None = None
    retention_days: int | None = None
    redisclosure: bool = False
    small_cell: int = SMALLEST_SHOWN_COUNT
    clocks: tuple[Clock, ...] = ()
    owners: tuple[Owner, ...] = ()
    codes: tuple[CodeList, ...] = ()
    partitions: frozenset[LinkedBy] = frozenset({LinkedBy.OPERATIONAL})

    def state(self, day: date) -> AgreementState:
        """Return the state of this version on a day.

        An ended agreement stays so, even if the clock is set back.
        """
        if self.ended_on is not None:
            return AgreementState.ENDED
        if not self.is_approved:
            return AgreementState.DRAFT
        if self.ends is not None and day > self.ends:
            return AgreementState.EXPIRED
        if self.is_suspended:
            return AgreementState.SUSPENDED
        return AgreementState.SCHEDULED if day < self.begins else AgreementState.ACTIVE

    def list_purposes(self) -> tuple[str, ...]:
        """Return the codes of the purposes that any grant permits, in order."""
        return tuple(sorted({purpose for grant in self.grants for purpose in grant.purposes}))

    def find_party(self, code: str) -> Party | None:
        """Return the party of a code, if any."""
        return next((party for party in self.parties if party.code == code), None)


def choose_terms(versions: Iterable[Agreement], day: date) -> Agreement | None:
    """Return the approved version of a day; None if there is none.

    It is the latest approved version that has begun. Where none has begun, it is the earliest approved one.
    Whether it permits anything depends on its state.
    """
    approved = sorted((version for version in versions if version.is_approved), key=attrgetter("version"))
    begun = [version for version in approved if version.begins <= day]
    if begun:
        return begun[-1]
    return approved[0] if approved else None


def find_last_day(versions: Sequence[Agreement], day: date) -> date | None:
    """Return the last day of an agreement's unbroken time in force.

    Approved versions that begin before the present one ends, or the day after, renew it.

    Args:
        versions: all versions of the agreement.
        day: a day; what had begun by then is counted.

    Returns:
        None where it has no end, or no version was approved.
    """
    terms = choose_terms(versions, day)
    if terms is None:
        return None
    last_day = terms.ends
    for version in sorted(versions, key=attrgetter("version")):
        is_renewal = version.is_approved and version.version > terms.version
        if is_renewal and last_day is not None and version.begins <= last_day + timedelta(days=1):
            last_day = version.ends
    return last_day


def find_notice(last_day: date | None, day: date) -> int | None:
    """Return the last warning that is due before an agreement's last day.

    Returns:
        90, 30 or 7 days; None where the last day is further away, has passed, or does not exist.
    """
    if last_day is None or day > last_day:
        return None
    return min((days for days in NOTICE_DAYS if (last_day - day).days <= days), default=None)


def find_lapses(terms: Sequence[Agreement], source: str, day: date) -> tuple[Agreement, ...]:
    """Return the agreements that have lapsed for a source's records.

    An agreement that names the source among a party's own comes before one whose party owns all sources. The
    feed of the source is open while one of them is active, or as long as none has been in force.

    Args:
        terms: the terms of each agreement on the day (``choose_terms``).
        source: code of the source.
        day: the day.

    Returns:
        Empty where the feed of the source is open.
    """
    named = [each for each in terms if any(source in party.sources for party in each.parties)]
    general = [
        each for each in terms if each not in named and any(ALL in party.sources for party in each.parties)
    ]
    for group in (named, general):
        if any(each.state(day) is AgreementState.ACTIVE for each in group):
            return ()
        lapsed = tuple(each for each in group if each.state(day) in LAPSED_STATES)
        if lapsed:
            return lapsed
    return ()

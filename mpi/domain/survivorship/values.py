"""Values that records state, and values that survive."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

STEWARD_SOURCE_KIND = "steward"
"""Kind of the source of stewards' corrections, which outrank every other value."""


class SelectionReason(StrEnum):
    """Reason why a value survived into the golden record.

    ``only``: no other record states a value; ``agreed``: all records that state one agree; ``correction``:
    a steward corrected it; ``every``: all values of this attribute survive; ``key``: only the canonical key
    told the values apart. The others name the criterion that left this value alone.
    """

    ONLY = "only"
    AGREED = "agreed"
    CORRECTION = "correction"
    TRUST = "trust"
    VERIFICATION = "verification"
    RECENCY = "recency"
    COMPLETENESS = "completeness"
    AGREEMENT = "agreement"
    KEY = "key"
    EVERY = "every"


@dataclass(frozen=True, slots=True)
class StatedValue:
    """One value of a person's attribute as one record states it.

    Args:
        value: as it is shown.
        comparable: comparable form; two values that share it are one value.
        record: number of the record.
        key: canonical key of the record.
        source: code of the record's source.
        kind: kind of that source.
        as_of: when the record was true at its source.
        verified: how well the source has checked the value; higher is better.
        complete: how much the value says; higher is more.
        agreement: number of other records that state the same name; only names have it.
        begin: first day on which a dated value holds.
        end: first day on which a dated value no longer holds.
        position: position in the record's list.
    """

    value: Any
    comparable: str
    record: int
    key: int
    source: str
    kind: str
    as_of: str
    verified: int = 0
    complete: int = 0
    agreement: int = 0
    begin: str | None = None
    end: str | None = None
    position: int = 0

    def is_current(self, day: str) -> bool:
        """Return whether the stated value's dates include a day."""
        return (self.begin is None or self.begin <= day) and (self.end is None or day < self.end)


@dataclass(frozen=True, slots=True)
class SurvivingValue:
    """Value of the golden record, with the values that it prevailed over.

    Args:
        stated: the value and its record.
        reason: why the value survived.
        agreeing: equal values of other records, by canonical key.
        others: other values, in the order in which they would survive without this one.
    """

    stated: StatedValue
    reason: SelectionReason
    agreeing: tuple[StatedValue, ...] = ()
    others: tuple[StatedValue, ...] = ()

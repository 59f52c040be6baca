"""Declared rules about a record's values, and issues for broken ones.

A rule says what the values of one field are like: required, of a pattern, within a range, of a list of codes,
in the order of another field, or unique in the source. A condition on another field makes it a rule of
consistency. A broken rule is a quality issue, for the source to correct. It changes no match.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from mpi.domain.record import CanonicalRecord, QualityIssue
from mpi.standardize.fields.dates import to_birth_day

RULE_PREFIX = "rule-"
"""Beginning of the kind of an issue of a declared rule."""
TODAY = "today"
"""Limit of a range: the day of the record."""
_LONGEST_TEXT = 500
"""Characters of a value that a pattern looks at."""


class Check(StrEnum):
    """What a declared rule checks."""

    REQUIRED = "required"
    PATTERN = "pattern"
    RANGE = "range"
    ONE_OF = "one_of"
    NOT_AFTER = "not_after"
    UNIQUE = "unique"


Limit = float | str
"""Limit of a range: a number, a day (``YYYY-MM-DD``) or ``today``."""


@dataclass(frozen=True, slots=True)
class DeclaredRule:
    """One declared rule.

    Args:
        name: name of the rule, which its issues have after ``rule-``.
        field: canonical field, or ``list.column`` for a column of every entry of a list.
        check: what is checked.
        title: what the source does about it, in a sentence.
        values: allowed codes, in lower case; for ``one_of``.
        pattern: regular expression that a whole value matches; for ``pattern``.
        low: smallest value; for ``range``.
        high: largest value; for ``range``.
        other: the field whose day is the same or later; for ``not_after``.
        condition: the rule is checked only if a value of the condition's field satisfies it.
    """

    name: str
    field: str
    check: Check
    title: str
    values: frozenset[str] = frozenset()
    pattern: str = ""
    low: Limit | None = None
    high: Limit | None = None
    other: str = ""
    condition: "DeclaredRule | None" = None

    @property
    def kind(self) -> str:
        """Kind of the issues of this rule."""
        return RULE_PREFIX + self.name


def find_rule_issues(record: CanonicalRecord, rules: Sequence[DeclaredRule]) -> Iterator[QualityIssue]:
    """Yield an issue for each declared rule that a record breaks."""
    for rule in rules:
        if applies_to(rule, record) and is_broken(rule, record):
            yield QualityIssue(rule.field.partition(".")[0], rule.kind)


def applies_to(rule: DeclaredRule, record: CanonicalRecord) -> bool:
    """Return whether the condition of a rule holds for a record."""
    condition = rule.condition
    return condition is None or any(
        _satisfies(condition, value, record) for value in list_values(record, condition.field)
    )


def is_broken(rule: DeclaredRule, record: CanonicalRecord) -> bool:
    """Return whether a record breaks a rule that applies to it.

    A rule about several records, which is ``unique``, is broken by none of them alone.
    """
    if rule.check is Check.UNIQUE:
        return False
    if rule.check is Check.NOT_AFTER:
        return any(first > later for first, later in _list_day_pairs(rule, record))
    values = list_values(record, rule.field)
    if rule.check is Check.REQUIRED:
        return not values
    return not all(_satisfies(rule, value, record) for value in values)


def list_values(record: CanonicalRecord, path: str) -> list[str]:
    """Return the values of a field, or of a list's column."""
    name, _, column = path.partition(".")
    held = getattr(record, name)
    entries = held if isinstance(held, tuple) else (held,)
    values = (getattr(entry, column) if column else entry for entry in entries)
    return [str(value) for value in values if value is not None and value != ""]


def _satisfies(rule: DeclaredRule, value: str, record: CanonicalRecord) -> bool:
    """Return whether one value is as a rule says.

    A value that cannot be read is not judged.
    """
    match rule.check:
        case Check.PATTERN:
            return _compile(rule.pattern).fullmatch(value[:_LONGEST_TEXT]) is not None
        case Check.ONE_OF:
            return value.strip().casefold() in rule.values
        case Check.RANGE:
            return all(
                _compare(value, limit, record) in allowed
                for limit, allowed in ((rule.low, (0, 1)), (rule.high, (0, -1)))
                if limit is not None
            )
        case _:
            return True


@lru_cache(256)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _compare(value: str, limit: Limit, record: CanonicalRecord) -> int:
    """Compare a value with a limit.

    The result is -1 for less, 0 for equal and 1 for greater; a value that cannot be read counts as equal.
    """
    if isinstance(limit, str):
        day = to_birth_day(value)
        bound = (record.as_of or date.max.isoformat())[:10] if limit == TODAY else limit
        return 0 if day is None else (day > bound) - (day < bound)
    try:
        number = float(value)
    except ValueError:
        return 0
    return (number > limit) - (number < limit)


def _list_day_pairs(rule: DeclaredRule, record: CanonicalRecord) -> Iterator[tuple[str, str]]:
    """Yield the pairs of days that a rule of order compares.

    Where both are columns of one list, each pair is of one entry.
    """
    (name, _, column), (other_name, _, other_column) = rule.field.partition("."), rule.other.partition(".")
    if column and name == other_name:
        texts = [(getattr(entry, column), getattr(entry, other_column)) for entry in getattr(record, name)]
    else:
        texts = [
            (first, later)
            for first in list_values(record, rule.field)
            for later in list_values(record, rule.other)
        ]
    for first, later in texts:
        days = to_birth_day(first), to_birth_day(later)
        if days[0] is not None and days[1] is not None:
            yield days[0], days[1]

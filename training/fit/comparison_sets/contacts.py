"""Comparisons of postal code, phone and e-mail for data without homes.

The standard comparison ``residence`` takes a phone, an e-mail address or a guardian for a sign of one
household, and lets the postal code speak only where nothing else is known of the home. Without street
addresses and guardians each of them is evidence of its own.
"""

from dataclasses import replace

from mpi.matching.model.record_conditions import (
    UNCORROBORATED,
    all_of,
    any_of,
    equal,
    missing_in_all,
    overlap,
    similar,
)
from training.fit.comparisons import ComparisonSpec, LevelSpec


def equal_parts(column: str, pattern: str) -> str:
    """Build the SQL condition that both values have the same part.

    Args:
        column: text column.
        pattern: regular expression that every engine reads alike; the part is its first match.
    """
    left, right = (f"nullif(regexp_extract({column}_{side}, '{pattern}'), '')" for side in "lr")
    return f"{left} = {right}"


SAME_DISTRICT = any_of(
    [equal_parts("postal_code", "^[0-9]{3}"), equal_parts("postal_code", "^[A-Z]{1,2}[0-9]{1,2}[A-Z]?")]
)
"""Same first three digits, or same first half of a code with letters.

That is the sectional center of a ZIP code, the outward code of the United Kingdom (``SW1A``), or the forward
sortation area of Canada (``K1A``).
"""
SAME_AREA = any_of([equal_parts("postal_code", "^[0-9]{2}"), equal_parts("postal_code", "^[A-Z]{1,2}")])
"""Same first two digits, or same first letters (``SW``)."""

POSTAL_CODE = ComparisonSpec(
    "postal_code",
    (
        LevelSpec("missing", missing_in_all("postal_code", "city"), is_null=True),
        LevelSpec("same postal code and place", all_of(equal("postal_code"), equal("city"))),
        LevelSpec("same postal code", equal("postal_code")),
        LevelSpec("one stroke off", "damerau_levenshtein(postal_code_l, postal_code_r) <= 1"),
        LevelSpec("same district and place", all_of(SAME_DISTRICT, equal("city"))),
        LevelSpec("same district", SAME_DISTRICT),
        LevelSpec("same place", equal("city")),
        LevelSpec("place spelled alike", similar("city", 0.9)),
        LevelSpec("same area", SAME_AREA),
        LevelSpec("different", None),
    ),
)
PHONE = ComparisonSpec(
    "phone",
    (
        LevelSpec("missing", missing_in_all("phones"), is_null=True),
        LevelSpec("same", overlap("phones")),
        LevelSpec("different", None),
    ),
)
EMAIL = ComparisonSpec(
    "email",
    (
        LevelSpec("missing", missing_in_all("email"), is_null=True),
        LevelSpec("same", equal("email")),
        LevelSpec("same name at another provider", equal_parts("email", "^[^@]+")),
        LevelSpec("spelled alike", similar("email", 0.92)),
        LevelSpec("rather alike", similar("email", 0.8)),
        LevelSpec("different", None),
    ),
)
CONTACT_COMPARISONS = (POSTAL_CODE, PHONE, EMAIL)


def corroborate_by_postal_code(comparison: ComparisonSpec) -> ComparisonSpec:
    """Let a postal code in common lift guards against bare names.

    A guard holds where nothing but names and birth date is in common. Where no record has a home, a postal
    code in common is more than that.
    """
    return replace(comparison, levels=tuple(map(_except_same_postal_code, comparison.levels)))


def _except_same_postal_code(level: LevelSpec) -> LevelSpec:
    """Restrict a guard against bare names to other or unknown postal codes."""
    if level.condition is None or UNCORROBORATED not in level.condition:
        return level
    condition = all_of(level.condition, f"({equal('postal_code')}) IS NOT TRUE")
    return replace(level, condition=condition)

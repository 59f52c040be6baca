"""Comparisons of the model, with their levels, as one readable list.

Each comparison is a list of levels; the first whose condition holds applies. A condition is SQL
over columns of ``Features`` (``_l`` and ``_r`` are the two records) and symmetric in the two.
Missing values are always neutral. Most levels are learned. *Fixed* levels state their weight in
bits, because training data cannot teach it: values that never coincide by chance in a sample, and
the guards.

Why guards: of the false links of a plain model 99.7 % share a household (design section 6).
Siblings and twins share surname, address, guardian and phone, and twins the birth date, so evidence
that is independent among strangers counts several times among them. ``family`` takes that back, by
how much the two have in common beyond the household.
"""

from dataclasses import dataclass
from typing import Any

from mpi.matching.model.record_conditions import (
    BIRTH_ONE_EDIT,
    BIRTH_TWO_EDITS,
    DAY_UNKNOWN,
    DECADES_APART,
    FIRST_OF_JANUARY,
    GIVEN_IN_OTHER_FIELD,
    HOME_AND_CONTACT,
    HOME_UNKNOWN,
    HOUSEHOLD,
    MISTYPED_BIRTH,
    NAMES_SWAPPED,
    NAMES_SWAPPED_SIMILAR,
    NEAR_HOME,
    NEAR_STREET_NUMBER,
    ONE_FIRST_OF_JANUARY,
    ONLY_NAMES_AGREE,
    SAME_BIRTH,
    SAME_DAY,
    SAME_GIVEN,
    SAME_MONTH,
    SAME_NUMBER,
    SAME_SURNAME,
    SECOND_DOUBT,
    SIMILAR_BIRTH,
    SIMILAR_GIVEN,
    SIMILAR_STREET,
    UNCORROBORATED,
    all_of,
    any_of,
    differ,
    equal,
    equal_swapped,
    initial_of_other,
    missing_in_all,
    one_stroke,
    overlap,
    prefix_of_other,
    similar,
    within_days,
    within_years,
)

_NEUTRAL_PROBABILITY = 0.5
"""Value of both m and u for a level without evidence."""


@dataclass(frozen=True, slots=True)
class LevelSpec:
    """Specification of one comparison level, before its weight is learned.

    Args:
        label: text for people.
        condition: symmetric SQL; None for all remaining pairs.
        frequency_column: column whose term frequencies adjust the weight.
        fixed_bits: weight in bits if it is not learned.
        fixed_u: u probability if a sample cannot show it; m is learned.
        is_null: whether the level is neutral because a value is missing.
        relative_guard: whether the level is a guard against relatives, stated for data where they are
            usual (``training.fit.relatives``).
        partial_date_guard: whether the level is a guard against incomplete birth dates, for data where
            most are complete (``training.fit.birth_date_precision``).
    """

    label: str
    condition: str | None
    frequency_column: str | None = None
    fixed_bits: float | None = None
    fixed_u: float | None = None
    is_null: bool = False
    relative_guard: bool = False
    partial_date_guard: bool = False


@dataclass(frozen=True, slots=True)
class ComparisonSpec:
    """Specification of one comparison: a name and its ordered levels."""

    name: str
    levels: tuple[LevelSpec, ...]

    def to_splink(self) -> dict[str, Any]:
        """Return the comparison in the form of Splink's settings.

        Learned levels have no m and u yet.
        """
        return {
            "output_column_name": self.name,
            "comparison_description": self.name,
            "comparison_levels": [_level_to_splink(level) for level in self.levels],
        }


def _level_to_splink(level: LevelSpec) -> dict[str, Any]:
    """Return a comparison level in the form of Splink's settings."""
    settings: dict[str, Any] = {
        "sql_condition": level.condition or "ELSE",
        "label_for_charts": level.label,
    }
    if level.is_null:
        return {**settings, "is_null_level": True}
    if level.frequency_column:
        settings["tf_adjustment_column"] = level.frequency_column
    if level.fixed_bits is not None:
        odds = 2.0 ** -abs(level.fixed_bits) * _NEUTRAL_PROBABILITY
        m, u = (_NEUTRAL_PROBABILITY, odds) if level.fixed_bits > 0 else (odds, _NEUTRAL_PROBABILITY)
        settings |= {"m_probability": m, "u_probability": u}
        settings |= {"fix_m_probability": True, "fix_u_probability": True}
    elif level.fixed_u is not None:
        settings |= {"u_probability": level.fixed_u, "fix_u_probability": True}
    return settings


GIVEN = ComparisonSpec(
    "given",
    (
        LevelSpec("missing", f"{missing_in_all('given')}", is_null=True),
        LevelSpec("same", equal("given"), frequency_column="given"),
        LevelSpec("nickname or other name", overlap("given_roots")),
        LevelSpec("exchanged with the surname", NAMES_SWAPPED),
        LevelSpec("exchanged with the surname, misspelled", NAMES_SWAPPED_SIMILAR),
        LevelSpec("the other's middle name or surname", GIVEN_IN_OTHER_FIELD),
        LevelSpec(
            "initial", initial_of_other("given"), fixed_bits=3.5
        ),  # about one in 12 names has the same initial
        LevelSpec("one stroke off", one_stroke("given")),
        LevelSpec("spelled alike", similar("given", 0.92)),
        LevelSpec("rather alike", similar("given", 0.8)),
        LevelSpec("different", None),
    ),
)
MIDDLE = ComparisonSpec(
    "middle",
    (
        LevelSpec("missing", missing_in_all("middle"), is_null=True),
        LevelSpec("same name", all_of(equal("middle"), "length(middle_l) > 1")),
        LevelSpec("same initial", equal("middle_initial")),
        LevelSpec("different", None),
    ),
)
SURNAME = ComparisonSpec(
    "surname",
    (
        LevelSpec("missing", missing_in_all("surname"), is_null=True),
        LevelSpec("same", equal("surname"), frequency_column="surname"),
        LevelSpec("same under another name", overlap("surname_forms")),
        LevelSpec("one of two surnames", overlap("surname_tokens")),
        # The comparison of given names counts these already; twice would overstate what happened once.
        LevelSpec("exchanged with the given name", NAMES_SWAPPED, fixed_bits=0.0),
        LevelSpec("exchanged with the given name, misspelled", NAMES_SWAPPED_SIMILAR, fixed_bits=0.0),
        LevelSpec("the other's given name", equal_swapped("surname", "given"), fixed_bits=0.0),
        LevelSpec("one stroke off", one_stroke("surname")),
        LevelSpec("spelled alike", similar("surname", 0.92)),
        LevelSpec("initial or shortened", prefix_of_other("surname")),
        LevelSpec("rather alike", similar("surname", 0.8)),
        LevelSpec("different", None),
    ),
)
BIRTH_DATE = ComparisonSpec(
    "birth_date",
    (
        LevelSpec("missing", missing_in_all("birth_year"), is_null=True),
        LevelSpec("same", equal("birth_date")),
        LevelSpec("an earlier birth date", overlap("birth_dates")),
        LevelSpec("day and month exchanged", equal_swapped("birth_date", "birth_date_swapped")),
        LevelSpec("one stroke off", BIRTH_ONE_EDIT),
        LevelSpec("a day off", within_days(1)),
        LevelSpec("same day, other year", SAME_DAY),
        LevelSpec("same month", SAME_MONTH),
        LevelSpec(
            "same year, day unknown",
            all_of(equal("birth_year"), DAY_UNKNOWN),
        ),
        LevelSpec("a year apart, day unknown", all_of(within_years(1), DAY_UNKNOWN)),
        LevelSpec("three years apart at most, day unknown", all_of(within_years(3), DAY_UNKNOWN)),
        LevelSpec("nine years apart at most, day unknown", all_of(within_years(9), DAY_UNKNOWN)),
        LevelSpec("whole decades apart, day unknown", all_of(DECADES_APART, DAY_UNKNOWN)),
        LevelSpec("same year, one on the first of January", ONE_FIRST_OF_JANUARY),
        LevelSpec("two strokes off", BIRTH_TWO_EDITS),
        LevelSpec("same year", equal("birth_year")),
        LevelSpec("different", None),
    ),
)
SEX = ComparisonSpec(
    "sex",
    (
        LevelSpec("missing", missing_in_all("sex"), is_null=True),
        LevelSpec("same", equal("sex")),
        LevelSpec("different", None),
    ),
)
SSN = ComparisonSpec(
    "ssn",
    (
        LevelSpec("missing", missing_in_all("ssn", "ssn_last4"), is_null=True),
        LevelSpec("same", equal("ssn"), fixed_u=2e-6),
        LevelSpec("same last four", equal("ssn_last4"), fixed_u=1.5e-4),
        LevelSpec("different", None),
    ),
)
NEAR_NUMBER_LABEL = "a slip apart"
IDENTIFIERS = ComparisonSpec(
    "identifiers",
    (
        # Most systems assign their own numbers: numbers of different systems are no evidence.
        LevelSpec(
            "missing", "list_has_any(identifier_systems_l, identifier_systems_r) IS NOT TRUE", is_null=True
        ),
        LevelSpec("one in common", overlap("identifiers"), fixed_bits=18.0),
        LevelSpec(NEAR_NUMBER_LABEL, overlap("identifiers_near")),
        LevelSpec("different", None),
    ),
)
RESIDENCE = ComparisonSpec(
    "residence",
    (
        LevelSpec(
            "missing",
            missing_in_all(
                "addresses",
                "household_ids",
                "phones",
                "guardians",
                "email",
                "postal_code",
                "street",
                "city",
                "shared_homes",
            ),
            is_null=True,
        ),
        LevelSpec(
            "home and contact",
            HOME_AND_CONTACT,
        ),
        LevelSpec("home or contact", HOUSEHOLD),
        LevelSpec("street alike", SIMILAR_STREET),
        LevelSpec("number a slip apart, street alike", all_of(NEAR_STREET_NUMBER, similar("street", 0.9))),
        LevelSpec("a home of many people", overlap("shared_homes"), fixed_bits=3.0),  # weak evidence
        LevelSpec("home unknown, same postal code", all_of(HOME_UNKNOWN, equal("postal_code"))),
        LevelSpec("home unknown, same place", all_of(HOME_UNKNOWN, equal("city"))),
        LevelSpec(
            "same street", all_of(similar("street", 0.95), any_of(map(equal, ("postal_code", "city"))))
        ),
        LevelSpec("same postal code and place", all_of(equal("postal_code"), equal("city"))),
        LevelSpec("same postal code", equal("postal_code")),
        LevelSpec("same place", equal("city")),
        LevelSpec("different", None),
    ),
)
BIRTH_PLACE = ComparisonSpec(
    "birth_place",
    (
        LevelSpec("missing", missing_in_all("birth_place"), is_null=True),
        LevelSpec("same", equal("birth_place")),
        LevelSpec("different", None),
    ),
)
SUFFIX = ComparisonSpec(
    "suffix",
    (
        LevelSpec("missing", missing_in_all("suffix"), is_null=True),
        LevelSpec("same", equal("suffix"), fixed_bits=2.0),
        LevelSpec("different", None, fixed_bits=-6.0),  # father and son, or cousins of one name
    ),
)
FAMILY = ComparisonSpec(
    "family",
    (
        LevelSpec("missing", missing_in_all("given", "surname_tokens", "birth_date"), is_null=True),
        LevelSpec("a number in common", SAME_NUMBER, fixed_bits=0.0),
        LevelSpec(
            "twins: one home and birthday, given names different",
            all_of(NEAR_HOME, SAME_BIRTH, differ(SIMILAR_GIVEN, "given")),
            fixed_bits=-18.0,
            relative_guard=True,
        ),
        LevelSpec(
            "twins: one home and birthday, given names alike, more in doubt",
            all_of(NEAR_HOME, SAME_BIRTH, differ(SAME_GIVEN, "given"), SECOND_DOUBT),
            fixed_bits=-16.0,
            relative_guard=True,
        ),
        LevelSpec(
            "twins: one home and birthday, given names alike",
            all_of(NEAR_HOME, SAME_BIRTH, differ(SAME_GIVEN, "given")),
            fixed_bits=-8.0,
            relative_guard=True,
        ),
        LevelSpec(
            "siblings: one home, given name misspelled and birthday a slip off",
            all_of(
                NEAR_HOME,
                differ(SAME_GIVEN, "given"),
                similar("given", 0.92),
                MISTYPED_BIRTH,
                differ(SAME_BIRTH, "birth_date"),
            ),
            fixed_bits=-8.0,
            relative_guard=True,
        ),
        LevelSpec(
            "siblings: one home, given name and birthday different",
            all_of(NEAR_HOME, differ(SAME_GIVEN, "given"), differ(SAME_BIRTH, "birth_date")),
            fixed_bits=-18.0,
            relative_guard=True,
        ),
        LevelSpec(
            "cousins: one home and given name, birthday different",
            all_of(NEAR_HOME, differ(SIMILAR_BIRTH, "birth_date")),
            fixed_bits=-13.0,
            relative_guard=True,
        ),
        LevelSpec(
            "twins: one surname and birthday, given names different",
            all_of(SAME_SURNAME, SAME_BIRTH, differ(SIMILAR_GIVEN, "given")),
            fixed_bits=-1.0,
            relative_guard=True,
        ),
        LevelSpec(
            "twins: one surname and birthday, given names alike, more in doubt",
            all_of(SAME_SURNAME, SAME_BIRTH, differ(SAME_GIVEN, "given"), SECOND_DOUBT),
            fixed_bits=-10.0,
            relative_guard=True,
        ),
        LevelSpec(
            "twins: one surname and birthday, given names alike",
            all_of(SAME_SURNAME, SAME_BIRTH, differ(SAME_GIVEN, "given")),
            fixed_bits=-3.0,
            relative_guard=True,
        ),
        LevelSpec(
            "one home and surname", all_of(NEAR_HOME, SAME_SURNAME), fixed_bits=-6.0, relative_guard=True
        ),
        LevelSpec(
            "another given name, and nothing but surname and birthday in common",
            all_of(SAME_SURNAME, SAME_BIRTH, differ(overlap("given_forms"), "given"), UNCORROBORATED),
            fixed_bits=-7.0,
        ),
        LevelSpec(
            "born on the first of January, and names alone",
            all_of(FIRST_OF_JANUARY, ONLY_NAMES_AGREE),
            fixed_bits=-5.0,
        ),
        LevelSpec(
            "a birth date not whole, and names alone",
            all_of(DAY_UNKNOWN, ONLY_NAMES_AGREE),
            fixed_bits=-3.0,
            partial_date_guard=True,
        ),
        LevelSpec("no caution", None, fixed_bits=0.0),
    ),
)
MULTIPLE_BIRTH = ComparisonSpec(
    "multiple_birth",
    (
        LevelSpec("missing", "multiple_birth_l IS NULL AND multiple_birth_r IS NULL", is_null=True),
        LevelSpec(
            "a multiple birth, given names not the same",
            all_of("(multiple_birth_l OR multiple_birth_r)", differ(overlap("given_forms"), "given")),
            fixed_bits=-14.0,
        ),
        LevelSpec("no caution", None, fixed_bits=0.0),
    ),
)

COMPARISONS = (
    GIVEN, MIDDLE, SURNAME, BIRTH_DATE, SEX, SSN, IDENTIFIERS, RESIDENCE, BIRTH_PLACE, SUFFIX, FAMILY,
    MULTIPLE_BIRTH,
)  # fmt: skip

FREQUENCY_COLUMNS = ("given", "surname")
"""Columns whose term frequencies adjust levels."""


def list_fixed_levels() -> frozenset[tuple[str, str]]:
    """Return comparison and label of each level with a fixed weight."""
    return frozenset(
        (comparison.name, level.label)
        for comparison in COMPARISONS
        for level in comparison.levels
        if level.fixed_bits is not None
    )

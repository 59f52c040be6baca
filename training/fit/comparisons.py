"""What the model compares: the comparisons as one readable list.

Each comparison is a list of levels; the first whose condition holds applies. A condition is SQL over columns
of ``Features`` (``_l`` and ``_r`` are the two records) and symmetric in the two. Missing is always
neutral. Most levels are learned; *fixed* ones state their weight in bits, because training data cannot
teach it: values that never coincide by chance in a sample, and the guards.

Why guards: of the false links of a plain model 99.7 % share a household (design section 6). Siblings and
twins share surname, address, guardian and phone, and twins the birth date, so evidence that is independent
among strangers counts several times among them. ``family`` takes that back, by how much the two have
in common beyond the household.
"""

from dataclasses import dataclass
from typing import Any

from training.fit.sql_fragments import (
    ALIKE_BIRTH,
    ALIKE_GIVEN,
    ELSEWHERE,
    FIRST_OF_JANUARY,
    HOME_AND_CONTACT,
    HOME_UNKNOWN,
    HOUSEHOLD,
    NAMES_ALONE,
    NEAR_HOME,
    NEAR_NUMBER,
    ONE_FIRST_OF_JANUARY,
    ONE_STROKE,
    SAME_BIRTH,
    SAME_DAY,
    SAME_GIVEN,
    SAME_MONTH,
    SAME_NUMBER,
    SAME_SURNAME,
    SECOND_DOUBT,
    SLIPPED_BIRTH,
    STREET_ALIKE,
    SWAPPED,
    SWAPPED_ALIKE,
    TWO_STROKES,
    UNCORROBORATED,
    alike,
    any_of,
    begins,
    both,
    crosswise,
    days_apart,
    initial,
    missing,
    same,
    share,
    unlike,
)

_NEUTRAL = 0.5
"""m and u of a level that says nothing."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level.

    Args:
        label: for people.
        condition: symmetric SQL; None for all other pairs.
        frequency_of: the column whose term frequencies adjust the weight.
        fixed: weight in bits, where it is not learned.
        fixed_u: u probability, where a sample cannot show it; m is learned.
        null: neutral, because something is missing.
        kin: a guard against relatives, stated for where they are usual (``training.fit.relatives``).
        partial: a guard against birth dates that are not whole, for where most are (``training.fit.birth_date_precision``).
    """

    label: str
    condition: str | None
    frequency_of: str | None = None
    fixed: float | None = None
    fixed_u: float | None = None
    null: bool = False
    kin: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A named list of levels over columns of Features."""

    name: str
    levels: tuple[Level, ...]

    def as_splink(self) -> dict[str, Any]:
        """The comparison as Splink's settings have it, learned levels without m and u."""
        return {
            "output_column_name": self.name,
            "comparison_description": self.name,
            "comparison_levels": [_as_splink(level) for level in self.levels],
        }


def _as_splink(level: Level) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "sql_condition": level.condition or "ELSE",
        "label_for_charts": level.label,
    }
    if level.null:
        return {**stated, "is_null_level": True}
    if level.frequency_of:
        stated["tf_adjustment_column"] = level.frequency_of
    if level.fixed is not None:
        odds = 2.0 ** -abs(level.fixed) * _NEUTRAL
        m, u = (_NEUTRAL, odds) if level.fixed > 0 else (odds, _NEUTRAL)
        stated |= {"m_probability": m, "u_probability": u}
        stated |= {"fix_m_probability": True, "fix_u_probability": True}
    elif level.fixed_u is not None:
        stated |= {"u_probability": level.fixed_u, "fix_u_probability": True}
    return stated


GIVEN = Comparison(
    "given",
    (
        Level("missing", f"{missing('given')}", null=True),
        Level("same", same("given"), frequency_of="given"),
        Level("nickname or other name", share("given_roots")),
        Level("exchanged with the surname", SWAPPED),
        Level("exchanged with the surname, misspelled", SWAPPED_ALIKE),
        Level("the other's middle name or surname", ELSEWHERE),
        Level("initial", initial("given"), fixed=3.5),  # one in some 12 names has the same initial
        Level("spelled alike", alike("given", 0.92)),
        Level("rather alike", alike("given", 0.8)),
        Level("different", None),
    ),
)
MIDDLE = Comparison(
    "middle",
    (
        Level("missing", missing("middle"), null=True),
        Level("same name", both(same("middle"), "length(middle_l) > 1")),
        Level("same initial", same("middle_initial")),
        Level("different", None),
    ),
)
SURNAME = Comparison(
    "surname",
    (
        Level("missing", missing("surname"), null=True),
        Level("same", same("surname"), frequency_of="surname"),
        Level("same under another name", share("surname_forms")),
        Level("one of two surnames", share("surname_tokens")),
        Level("exchanged with the given name", SWAPPED),
        Level("exchanged with the given name, misspelled", SWAPPED_ALIKE),
        # The given name has said so already: counted twice it would look like evidence where little else is.
        Level("the other's given name", crosswise("surname", "given"), fixed=0.0),
        Level("spelled alike", alike("surname", 0.92)),
        Level("initial or shortened", begins("surname")),
        Level("rather alike", alike("surname", 0.8)),
        Level("different", None),
    ),
)
BIRTH_DATE = Comparison(
    "birth_date",
    (
        Level("missing", missing("birth_year"), null=True),
        Level("same", same("birth_date")),
        Level("an earlier birth date", share("birth_dates")),
        Level("day and month exchanged", crosswise("birth_date", "birth_date_swapped")),
        Level("one stroke off", ONE_STROKE),
        Level("a day off", days_apart(1)),
        Level("same day, other year", SAME_DAY),
        Level("same month", SAME_MONTH),
        Level(
            "same year, day unknown",
            both(same("birth_year"), "(birth_date_l IS NULL OR birth_date_r IS NULL)"),
        ),
        Level("same year, one on the first of January", ONE_FIRST_OF_JANUARY),
        Level("two strokes off", TWO_STROKES),
        Level("same year", same("birth_year")),
        Level("different", None),
    ),
)
SEX = Comparison(
    "sex",
    (
        Level("missing", missing("sex"), null=True),
        Level("same", same("sex")),
        Level("different", None),
    ),
)
SSN = Comparison(
    "ssn",
    (
        Level("missing", missing("ssn", "ssn_last4"), null=True),
        Level("same", same("ssn"), fixed_u=2e-6),
        Level("same last four", same("ssn_last4"), fixed_u=1.5e-4),
        Level("different", None),
    ),
)
SLIP_APART = "a slip apart"
IDENTIFIERS = Comparison(
    "identifiers",
    (
        # Most systems number their own: two numbers of different systems say nothing.
        Level("missing", "list_has_any(identifier_systems_l, identifier_systems_r) IS NOT TRUE", null=True),
        Level("one in common", share("identifiers"), fixed=18.0),
        Level(SLIP_APART, share("identifiers_near")),
        Level("different", None),
    ),
)
RESIDENCE = Comparison(
    "residence",
    (
        Level(
            "missing",
            missing(
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
            null=True,
        ),
        Level(
            "home and contact",
            HOME_AND_CONTACT,
        ),
        Level("home or contact", HOUSEHOLD),
        Level("street alike", STREET_ALIKE),
        Level("number a slip apart, street alike", both(NEAR_NUMBER, alike("street", 0.9))),
        Level("a home of many people", share("shared_homes"), fixed=3.0),  # says little, not nothing
        Level("home unknown, same postal code", both(HOME_UNKNOWN, same("postal_code"))),
        Level("home unknown, same place", both(HOME_UNKNOWN, same("city"))),
        Level("same street", both(alike("street", 0.95), any_of(map(same, ("postal_code", "city"))))),
        Level("same postal code and place", both(same("postal_code"), same("city"))),
        Level("same postal code", same("postal_code")),
        Level("same place", same("city")),
        Level("different", None),
    ),
)
BIRTH_PLACE = Comparison(
    "birth_place",
    (
        Level("missing", missing("birth_place"), null=True),
        Level("same", same("birth_place")),
        Level("different", None),
    ),
)
SUFFIX = Comparison(
    "suffix",
    (
        Level("missing", missing("suffix"), null=True),
        Level("same", same("suffix"), fixed=2.0),
        Level("different", None, fixed=-6.0),  # father and son, or cousins of one name
    ),
)
FAMILY = Comparison(
    "family",
    (
        Level("missing", missing("given", "surname_tokens", "birth_date"), null=True),
        Level("a number in common", SAME_NUMBER, fixed=0.0),
        Level(
            "twins: one home and birthday, given names different",
            both(NEAR_HOME, SAME_BIRTH, unlike(ALIKE_GIVEN, "given")),
            fixed=-18.0,
            kin=True,
        ),
        Level(
            "twins: one home and birthday, given names alike, more in doubt",
            both(NEAR_HOME, SAME_BIRTH, unlike(SAME_GIVEN, "given"), SECOND_DOUBT),
            fixed=-16.0,
            kin=True,
        ),
        Level(
            "twins: one home and birthday, given names alike",
            both(NEAR_HOME, SAME_BIRTH, unlike(SAME_GIVEN, "given")),
            fixed=-8.0,
            kin=True,
        ),
        Level(
            "siblings: one home, given name misspelled and birthday a slip off",
            both(
                NEAR_HOME,
                unlike(SAME_GIVEN, "given"),
                alike("given", 0.92),
                SLIPPED_BIRTH,
                unlike(SAME_BIRTH, "birth_date"),
            ),
            fixed=-8.0,
            kin=True,
        ),
        Level(
            "siblings: one home, given name and birthday different",
            both(NEAR_HOME, unlike(SAME_GIVEN, "given"), unlike(SAME_BIRTH, "birth_date")),
            fixed=-18.0,
            kin=True,
        ),
        Level(
            "cousins: one home and given name, birthday different",
            both(NEAR_HOME, unlike(ALIKE_BIRTH, "birth_date")),
            fixed=-13.0,
            kin=True,
        ),
        Level(
            "twins: one surname and birthday, given names different",
            both(SAME_SURNAME, SAME_BIRTH, unlike(ALIKE_GIVEN, "given")),
            fixed=-1.0,
            kin=True,
        ),
        Level(
            "twins: one surname and birthday, given names alike, more in doubt",
            both(SAME_SURNAME, SAME_BIRTH, unlike(SAME_GIVEN, "given"), SECOND_DOUBT),
            fixed=-10.0,
            kin=True,
        ),
        Level(
            "twins: one surname and birthday, given names alike",
            both(SAME_SURNAME, SAME_BIRTH, unlike(SAME_GIVEN, "given")),
            fixed=-3.0,
            kin=True,
        ),
        Level("one home and surname", both(NEAR_HOME, SAME_SURNAME), fixed=-6.0, kin=True),
        Level(
            "another given name, and nothing but surname and birthday in common",
            both(SAME_SURNAME, SAME_BIRTH, unlike(share("given_forms"), "given"), UNCORROBORATED),
            fixed=-7.0,
        ),
        Level(
            "born on the first of January, and names alone", both(FIRST_OF_JANUARY, NAMES_ALONE), fixed=-5.0
        ),
        Level(
            "a birth date not whole, and names alone",
            both("(birth_date_l IS NULL OR birth_date_r IS NULL)", NAMES_ALONE),
            fixed=-3.0,
            partial=True,
        ),
        Level("no caution", None, fixed=0.0),
    ),
)
MULTIPLE_BIRTH = Comparison(
    "multiple_birth",
    (
        Level("missing", "multiple_birth_l IS NULL AND multiple_birth_r IS NULL", null=True),
        Level(
            "a multiple birth, given names not the same",
            both("(multiple_birth_l OR multiple_birth_r)", unlike(share("given_forms"), "given")),
            fixed=-14.0,
        ),
        Level("no caution", None, fixed=0.0),
    ),
)

COMPARISONS = (
    GIVEN, MIDDLE, SURNAME, BIRTH_DATE, SEX, SSN, IDENTIFIERS, RESIDENCE, BIRTH_PLACE, SUFFIX, FAMILY,
    MULTIPLE_BIRTH,
)  # fmt: skip

FREQUENCY_COLUMNS = ("given", "surname")
"""Columns whose term frequencies the levels above use."""


def stated_levels() -> frozenset[tuple[str, str]]:
    """Comparison and label of each level whose weight is stated, not learned."""
    return frozenset(
        (comparison.name, level.label)
        for comparison in COMPARISONS
        for level in comparison.levels
        if level.fixed is not None
    )

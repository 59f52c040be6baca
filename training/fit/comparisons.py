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

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
    """

    label: str
    condition: str | None
    frequency_of: str | None = None
    fixed: float | None = None
    fixed_u: float | None = None
    null: bool = False


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


def _missing(*columns: str) -> str:
    """Whether the two records have none of the columns in common to compare."""
    return " AND ".join(f"({column}_l IS NULL OR {column}_r IS NULL)" for column in columns)


def _same(column: str) -> str:
    return f"{column}_l = {column}_r"


def _share(column: str) -> str:
    return f"list_has_any({column}_l, {column}_r)"


def _crosswise(left: str, right: str) -> str:
    """One record's ``left`` is the other's ``right``."""
    return f"({left}_l = {right}_r OR {right}_l = {left}_r)"


def _alike(column: str, similarity: float) -> str:
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {similarity}"


def _begins(column: str) -> str:
    """One record's value is the start of the other's."""
    return f"(starts_with({column}_l, {column}_r) OR starts_with({column}_r, {column}_l))"


def _initial(column: str) -> str:
    """One record has only the initial of the other's value."""
    return f"((length({column}_l) = 1 OR length({column}_r) = 1) AND {_begins(column)})"


def _any(conditions: Iterable[str]) -> str:
    return f"({' OR '.join(conditions)})"


def _both(*conditions: str) -> str:
    return " AND ".join(conditions)


def _days_apart(days: int) -> str:
    left, right = (f"epoch(try_strptime(birth_date_{side}, '%Y-%m-%d'))" for side in "lr")
    return f"abs({left} - {right}) <= {days * 86_400}"


def _unlike(condition: str, column: str) -> str:
    """Both have the column, and the condition is not so; ``NOT`` alone would be unknown where a part is."""
    return f"({column}_l IS NOT NULL AND {column}_r IS NOT NULL AND {condition} IS NOT TRUE)"


HOUSEHOLD = _any(map(_share, ("addresses", "household_ids", "phones", "guardians")))
STREET_ALIKE = _both(_same("street_number"), _alike("street", 0.85))
NEAR_HOME = _any([HOUSEHOLD, f"({STREET_ALIKE})"])
SWAPPED = "(list_contains(given_forms_l, surname_r) AND list_contains(given_forms_r, surname_l))"
SWAPPED_ALIKE = (
    "(jaro_winkler_similarity(given_l, surname_r) >= 0.88"
    " AND jaro_winkler_similarity(surname_l, given_r) >= 0.88)"
)
ELSEWHERE = _any([_crosswise("given", "middle"), _crosswise("given", "surname")])
SAME_GIVEN = _any([_share("given_roots"), _initial("given"), _crosswise("given", "middle"), SWAPPED])
ALIKE_GIVEN = _any([SAME_GIVEN, SWAPPED_ALIKE, _crosswise("given", "surname"), _alike("given", 0.8)])
ONE_STROKE = "damerau_levenshtein(birth_date_l, birth_date_r) <= 1"
TWO_STROKES = "damerau_levenshtein(birth_date_l, birth_date_r) <= 2"
SAME_BIRTH = _any([_same("birth_date"), _share("birth_dates")])
NEAR_BIRTH = _any([SAME_BIRTH, ONE_STROKE, _crosswise("birth_date", "birth_date_swapped"), _days_apart(1)])
SAME_NUMBER = _any([_same("ssn"), _share("identifiers")])
NEAR_NUMBER = "damerau_levenshtein(street_number_l, street_number_r) <= 1"
SAME_SURNAME = _share("surname_tokens")
SECOND_DOUBT = _any(
    (
        _unlike(_same("sex"), "sex"),
        _unlike(_same("middle_initial"), "middle_initial"),
        _unlike(_share("identifiers"), "identifiers"),
        "multiple_birth_l",
        "multiple_birth_r",
    )
)
"""A slip of the pen in a given name seldom comes with another; twins of like names bring one."""

GIVEN = Comparison(
    "given",
    (
        Level("missing", f"{_missing('given')}", null=True),
        Level("same", _same("given"), frequency_of="given"),
        Level("nickname or other name", _share("given_roots")),
        Level("exchanged with the surname", SWAPPED),
        Level("exchanged with the surname, misspelled", SWAPPED_ALIKE),
        Level("the other's middle name or surname", ELSEWHERE),
        Level("initial", _initial("given"), fixed=3.5),  # one in some 12 names has the same initial
        Level("spelled alike", _alike("given", 0.92)),
        Level("rather alike", _alike("given", 0.8)),
        Level("different", None),
    ),
)
MIDDLE = Comparison(
    "middle",
    (
        Level("missing", _missing("middle"), null=True),
        Level("same name", _both(_same("middle"), "length(middle_l) > 1")),
        Level("same initial", _same("middle_initial")),
        Level("different", None),
    ),
)
SURNAME = Comparison(
    "surname",
    (
        Level("missing", _missing("surname"), null=True),
        Level("same", _same("surname"), frequency_of="surname"),
        Level("same under another name", _share("surname_forms")),
        Level("one of two surnames", _share("surname_tokens")),
        Level("exchanged with the given name", SWAPPED),
        Level("exchanged with the given name, misspelled", SWAPPED_ALIKE),
        Level("the other's given name", _crosswise("surname", "given")),
        Level("spelled alike", _alike("surname", 0.92)),
        Level("initial or shortened", _begins("surname")),
        Level("rather alike", _alike("surname", 0.8)),
        Level("different", None),
    ),
)
BIRTH_DATE = Comparison(
    "birth_date",
    (
        Level("missing", _missing("birth_year"), null=True),
        Level("same", _same("birth_date")),
        Level("an earlier birth date", _share("birth_dates")),
        Level("day and month exchanged", _crosswise("birth_date", "birth_date_swapped")),
        Level("one stroke off", ONE_STROKE),
        Level("a day off", _days_apart(1)),
        Level("same day, other year", "substr(birth_date_l, 6, 5) = substr(birth_date_r, 6, 5)"),
        Level("same month", "substr(birth_date_l, 1, 7) = substr(birth_date_r, 1, 7)"),
        Level(
            "same year, day unknown",
            _both(_same("birth_year"), "(birth_date_l IS NULL OR birth_date_r IS NULL)"),
        ),
        Level("two strokes off", TWO_STROKES),
        Level("same year", _same("birth_year")),
        Level("different", None),
    ),
)
SEX = Comparison(
    "sex",
    (
        Level("missing", _missing("sex"), null=True),
        Level("same", _same("sex")),
        Level("different", None),
    ),
)
SSN = Comparison(
    "ssn",
    (
        Level("missing", _missing("ssn", "ssn_last4"), null=True),
        Level("same", _same("ssn"), fixed_u=2e-6),
        Level("same last four", _same("ssn_last4"), fixed_u=1.5e-4),
        Level("different", None),
    ),
)
IDENTIFIERS = Comparison(
    "identifiers",
    (
        # Most systems number their own: two numbers of different systems say nothing.
        Level("missing", "list_has_any(identifier_systems_l, identifier_systems_r) IS NOT TRUE", null=True),
        Level("one in common", _share("identifiers"), fixed=18.0),
        Level("a slip apart", _share("identifiers_near")),
        Level("different", None),
    ),
)
RESIDENCE = Comparison(
    "residence",
    (
        Level(
            "missing",
            _missing("addresses", "household_ids", "phones", "guardians", "postal_code", "street"),
            null=True,
        ),
        Level(
            "home and contact",
            _both(
                _any(map(_share, ("addresses", "household_ids"))),
                _any(map(_share, ("phones", "guardians"))),
            ),
        ),
        Level("home or contact", HOUSEHOLD),
        Level("street alike", STREET_ALIKE),
        Level("number a slip apart, street alike", _both(NEAR_NUMBER, _alike("street", 0.9))),
        Level("same street", _both(_alike("street", 0.95), _any(map(_same, ("postal_code", "city"))))),
        Level("same postal code and place", _both(_same("postal_code"), _same("city"))),
        Level("same postal code", _same("postal_code")),
        Level("same place", _same("city")),
        Level("different", None),
    ),
)
BIRTH_PLACE = Comparison(
    "birth_place",
    (
        Level("missing", _missing("birth_place"), null=True),
        Level("same", _same("birth_place")),
        Level("different", None),
    ),
)
SUFFIX = Comparison(
    "suffix",
    (
        Level("missing", _missing("suffix"), null=True),
        Level("same", _same("suffix"), fixed=2.0),
        Level("different", None, fixed=-6.0),  # father and son, or cousins of one name
    ),
)
FAMILY = Comparison(
    "family",
    (
        Level("missing", _missing("given", "surname_tokens", "birth_date"), null=True),
        Level("a number in common", SAME_NUMBER, fixed=0.0),
        Level(
            "twins: one home and birthday, given names different",
            _both(NEAR_HOME, SAME_BIRTH, _unlike(ALIKE_GIVEN, "given")),
            fixed=-18.0,
        ),
        Level(
            "twins: one home and birthday, given names alike, more in doubt",
            _both(NEAR_HOME, SAME_BIRTH, _unlike(SAME_GIVEN, "given"), SECOND_DOUBT),
            fixed=-16.0,
        ),
        Level(
            "twins: one home and birthday, given names alike",
            _both(NEAR_HOME, SAME_BIRTH, _unlike(SAME_GIVEN, "given")),
            fixed=-8.0,
        ),
        Level(
            "siblings: one home, given name and birthday different",
            _both(NEAR_HOME, _unlike(SAME_GIVEN, "given"), _unlike(SAME_BIRTH, "birth_date")),
            fixed=-18.0,
        ),
        Level(
            "cousins: one home and given name, birthday different",
            _both(NEAR_HOME, _unlike(NEAR_BIRTH, "birth_date")),
            fixed=-12.0,
        ),
        Level(
            "twins: one surname and birthday, given names different",
            _both(SAME_SURNAME, SAME_BIRTH, _unlike(ALIKE_GIVEN, "given")),
            fixed=-1.0,
        ),
        Level(
            "twins: one surname and birthday, given names alike, more in doubt",
            _both(SAME_SURNAME, SAME_BIRTH, _unlike(SAME_GIVEN, "given"), SECOND_DOUBT),
            fixed=-10.0,
        ),
        Level(
            "twins: one surname and birthday, given names alike",
            _both(SAME_SURNAME, SAME_BIRTH, _unlike(SAME_GIVEN, "given")),
            fixed=-3.0,
        ),
        Level("one home and surname", _both(NEAR_HOME, SAME_SURNAME), fixed=-6.0),
        Level("no caution", None, fixed=0.0),
    ),
)
MULTIPLE_BIRTH = Comparison(
    "multiple_birth",
    (
        Level("missing", "multiple_birth_l IS NULL AND multiple_birth_r IS NULL", null=True),
        Level(
            "a multiple birth, given names not the same",
            _both("(multiple_birth_l OR multiple_birth_r)", _unlike(_share("given_forms"), "given")),
            fixed=-10.0,
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

BLOCKING: dict[str, list[str]] = {
    "birth-name": ["birth_dates|birth_date_swapped", "given_forms|surname_forms:3"],
    "birth-root": ["birth_dates", "given_roots"],
    "birth-token": ["birth_dates", "surname_tokens"],
    "birth-start": ["birth_dates|birth_date_swapped", "given:1", "surname:1"],
    "birth-street": ["birth_dates", "street"],
    "names": ["given_roots", "surname_tokens"],
    "names-year": ["given_roots", "surname_tokens", "birth_year"],
    "names-day": ["given_roots", "surname_tokens", "birth_date:-5"],
    "names-postal": ["postal_code", "given:3", "surname:3"],
    "names-street": ["street", "given:2", "surname:2"],
    "ssn": ["ssn"],
    "last4-year": ["ssn_last4", "birth_year"],
    "last4-given": ["ssn_last4", "given:2"],
    "identifier": ["identifiers"],
    "near-birth": ["identifiers_near", "birth_dates"],
    "near-given": ["identifiers_near", "given:3"],
    "near-surname": ["identifiers_near", "surname:3", "birth_year"],
    "near-number": ["identifiers_near", "street_number"],
    "home-given": ["addresses", "given_roots:2"],
    "home-birth": ["addresses", "birth_dates"],
    "family-given": ["household_ids", "given_roots:2"],
    "family-birth": ["household_ids", "birth_dates"],
    "phone-given": ["phones", "given_roots:2"],
    "guard-given": ["guardians", "given_roots:2"],
    "guard-birth": ["guardians", "birth_dates"],
}
"""Which pairs are compared: rule to parts (see ``mpi.matching.keys``). Chosen by measured recall and pair
count; each rule's blocks stay small at a million records."""

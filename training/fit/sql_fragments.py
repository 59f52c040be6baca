"""Phrases of SQL that comparisons and cautions are written in, each symmetric in the two records.

Columns are columns of ``Features``; ``_l`` and ``_r`` are the two records. NULL is neither true nor false: a
phrase is unknown where what it speaks of is missing, and ``unlike`` is false there.
"""

from collections.abc import Iterable


def missing(*columns: str) -> str:
    """Whether the two records have none of the columns in common to compare."""
    return " AND ".join(f"({column}_l IS NULL OR {column}_r IS NULL)" for column in columns)


def same(column: str) -> str:
    """The two have the same value."""
    return f"{column}_l = {column}_r"


def share(column: str) -> str:
    """The two lists have an element in common."""
    return f"list_has_any({column}_l, {column}_r)"


def crosswise(left: str, right: str) -> str:
    """One record's ``left`` is the other's ``right``."""
    return f"({left}_l = {right}_r OR {right}_l = {left}_r)"


def alike(column: str, similarity: float) -> str:
    """Jaro-Winkler similarity of the two values is at least so much."""
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {similarity}"


def begins(column: str) -> str:
    """One record's value is the start of the other's."""
    return f"(starts_with({column}_l, {column}_r) OR starts_with({column}_r, {column}_l))"


def initial(column: str) -> str:
    """One record has only the initial of the other's value."""
    return f"((length({column}_l) = 1 OR length({column}_r) = 1) AND {begins(column)})"


def any_of(conditions: Iterable[str]) -> str:
    """One of the conditions holds."""
    return f"({' OR '.join(conditions)})"


def both(*conditions: str) -> str:
    """All of the conditions hold; put parentheses around it before going on."""
    return " AND ".join(conditions)


def days_apart(days: int) -> str:
    """The birth dates are at most so many days apart."""
    left, right = (f"epoch(try_strptime(birth_date_{side}, '%Y-%m-%d'))" for side in "lr")
    return f"abs({left} - {right}) <= {days * 86_400}"


def unlike(condition: str, column: str) -> str:
    """Both have the column, and the condition is not so; ``NOT`` alone would be unknown where a part is."""
    return f"({column}_l IS NOT NULL AND {column}_r IS NOT NULL AND {condition} IS NOT TRUE)"


CONTACT = any_of([share("phones"), share("guardians"), same("email")])
"""Ways to reach a household: a child's telephone and e-mail are mostly a parent's."""
HOUSEHOLD = any_of([share("addresses"), share("household_ids"), CONTACT])
HOME_UNKNOWN = f"({missing('addresses', 'household_ids', 'phones', 'guardians', 'email', 'street')})"
HOME_AND_CONTACT = f"({any_of(map(share, ('addresses', 'household_ids')))} AND {CONTACT})"
STREET_ALIKE = both(same("street_number"), alike("street", 0.85))
NEAR_HOME = any_of([HOUSEHOLD, f"({STREET_ALIKE})"])
SWAPPED = any_of(
    [
        "(list_contains(given_forms_l, surname_r) AND list_contains(given_forms_r, surname_l))",
        "(list_contains(given_roots_l, surname_r) AND list_contains(surname_tokens_l, given_r))",
        "(list_contains(given_roots_r, surname_l) AND list_contains(surname_tokens_r, given_l))",
    ]
)
SWAPPED_ALIKE = (
    "(jaro_winkler_similarity(given_l, surname_r) >= 0.88"
    " AND jaro_winkler_similarity(surname_l, given_r) >= 0.88)"
)
ELSEWHERE = any_of([crosswise("given", "middle"), crosswise("given", "surname")])
SAME_GIVEN = any_of([share("given_roots"), initial("given"), crosswise("given", "middle"), SWAPPED])
ALIKE_GIVEN = any_of([SAME_GIVEN, SWAPPED_ALIKE, crosswise("given", "surname"), alike("given", 0.8)])
ONE_LETTER = "damerau_levenshtein(given_l, given_r) <= 1"
ONE_STROKE = "damerau_levenshtein(birth_date_l, birth_date_r) <= 1"
TWO_STROKES = "damerau_levenshtein(birth_date_l, birth_date_r) <= 2"
SAME_BIRTH = any_of([same("birth_date"), share("birth_dates")])
ONE_FIRST_OF_JANUARY = (
    f"({same('birth_year')} AND "
    "(substr(birth_date_l, 6, 5) = '01-01' OR substr(birth_date_r, 6, 5) = '01-01'))"
)
"""Many systems write the first of January where they know but the year."""
NEAR_BIRTH = any_of(
    [
        SAME_BIRTH,
        ONE_STROKE,
        crosswise("birth_date", "birth_date_swapped"),
        days_apart(1),
        ONE_FIRST_OF_JANUARY,
    ]
)
SAME_DAY = "substr(birth_date_l, 6, 5) = substr(birth_date_r, 6, 5)"
SAME_MONTH = "substr(birth_date_l, 1, 7) = substr(birth_date_r, 1, 7)"
SLIPPED_BIRTH = any_of([NEAR_BIRTH, SAME_DAY, SAME_MONTH])
"""One stroke, or one of the three parts of the date, tells the two apart."""
ALIKE_BIRTH = any_of([SLIPPED_BIRTH, TWO_STROKES])
SAME_NUMBER = any_of([same("ssn"), share("identifiers")])
NEAR_NUMBER = "damerau_levenshtein(street_number_l, street_number_r) <= 1"
SAME_SURNAME = share("surname_tokens")
SAME_MIDDLE = f"({both(same('middle'), 'length(middle_l) > 1')})"
ANY_NUMBER = any_of([SAME_NUMBER, same("ssn_last4")])
_GUARDIAN_OF_THE_NAME = any_of(
    f"list_has_any(guardian_surnames_{guardian}, {column}_{child})"
    for guardian in "lr"
    for child in "lr"
    for column in ("surname_tokens", "surname_forms")
)
GUARDIAN_SURNAME = f"({both(share('guardian_surnames'), f'{_GUARDIAN_OF_THE_NAME} IS NOT TRUE')})"
"""A guardian's last name in common that is not the child's: a stranger of the child's name has another."""
BESIDES_MIDDLE = any_of(
    [
        ANY_NUMBER,
        NEAR_HOME,
        f"({both(NEAR_NUMBER, alike('street', 0.9))})",
        GUARDIAN_SURNAME,
        f"({both(same('middle_initial'), same('birth_place'))})",
    ]
)
CORROBORATED = any_of([BESIDES_MIDDLE, SAME_MIDDLE])
UNCORROBORATED = f"({CORROBORATED} IS NOT TRUE)"
"""Name and birth date are all that speaks for the pair: no number, middle name, home, contact or guardian's
name in common, nor a middle initial together with a place of birth."""
SECOND_DOUBT = any_of(
    (
        unlike(same("sex"), "sex"),
        unlike(same("middle_initial"), "middle_initial"),
        unlike(share("identifiers"), "identifiers"),
        "multiple_birth_l",
        "multiple_birth_r",
    )
)
"""A slip of the pen in a given name seldom comes with another; twins of like names bring one."""
NAMES_ALONE = f"({UNCORROBORATED} AND {same('middle_initial')} IS NOT TRUE)"
FIRST_OF_JANUARY = f"({same('birth_date')} AND substr(birth_date_l, 6, 5) = '01-01')"

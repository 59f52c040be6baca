"""SQL conditions shared by comparisons, vetoes and counts of relatives.

Each is symmetric in the two records. Columns are columns of ``Features``; ``_l`` and ``_r`` are the
two records. NULL is neither true nor false: a condition is unknown if one of its values is missing,
and ``differ`` is false there.
"""

from collections.abc import Iterable


def missing_in_all(*columns: str) -> str:
    """Build the condition that no column is known in both records."""
    return " AND ".join(f"({column}_l IS NULL OR {column}_r IS NULL)" for column in columns)


def equal(column: str) -> str:
    """Build the SQL condition that both records have the same column value."""
    return f"{column}_l = {column}_r"


def overlap(column: str) -> str:
    """Build the SQL condition that both records' lists share an element."""
    return f"list_has_any({column}_l, {column}_r)"


def equal_swapped(left: str, right: str) -> str:
    """Build the SQL condition that one record's ``left`` equals the other's ``right``."""
    return f"({left}_l = {right}_r OR {right}_l = {left}_r)"


def similar(column: str, similarity: float) -> str:
    """Build the SQL condition that two values reach a Jaro-Winkler similarity."""
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {similarity}"


def one_stroke(column: str) -> str:
    """Build the SQL condition that two long names are one keystroke apart.

    Short names that differ in one letter are mostly other names.
    """
    return all_of(similar(column, 0.8), f"damerau_levenshtein({column}_l, {column}_r) <= 1")


def prefix_of_other(column: str) -> str:
    """Build the SQL condition that one record's value begins the other's."""
    return f"(starts_with({column}_l, {column}_r) OR starts_with({column}_r, {column}_l))"


def initial_of_other(column: str) -> str:
    """Build the SQL condition that one record's value is the other's initial."""
    return f"((length({column}_l) = 1 OR length({column}_r) = 1) AND {prefix_of_other(column)})"


def any_of(conditions: Iterable[str]) -> str:
    """Build the SQL condition that at least one given condition holds."""
    return f"({' OR '.join(conditions)})"


def all_of(*conditions: str) -> str:
    """Build the SQL condition that all given conditions hold, without parentheses."""
    return " AND ".join(conditions)


def within_days(days: int) -> str:
    """Build the SQL condition that birth dates differ by few days."""
    left, right = (f"epoch(try_strptime(birth_date_{side}, '%Y-%m-%d'))" for side in "lr")
    return f"abs({left} - {right}) <= {days * 86_400}"


def within_years(years: int) -> str:
    """Build the SQL condition that birth years differ by few years."""
    return f"abs(birth_year_l - birth_year_r) <= {years}"


def differ(condition: str, column: str) -> str:
    """Build the condition that both values are known and another condition fails.

    ``NOT`` alone would be unknown where a part of the condition is unknown.
    """
    return f"({column}_l IS NOT NULL AND {column}_r IS NOT NULL AND {condition} IS NOT TRUE)"


CONTACT = any_of([overlap("phones"), overlap("guardians"), equal("email")])
"""A shared phone, guardian or e-mail; a child's are mostly a parent's."""
HOUSEHOLD = any_of([overlap("addresses"), overlap("household_ids"), CONTACT])
HOME_UNKNOWN = f"({missing_in_all('addresses', 'household_ids', 'phones', 'guardians', 'email', 'street')})"
HOME_AND_CONTACT = f"({any_of(map(overlap, ('addresses', 'household_ids')))} AND {CONTACT})"
SIMILAR_STREET = all_of(equal("street_number"), similar("street", 0.85))
NEAR_HOME = any_of([HOUSEHOLD, f"({SIMILAR_STREET})"])
NAMES_SWAPPED = any_of(
    [
        "(list_contains(given_forms_l, surname_r) AND list_contains(given_forms_r, surname_l))",
        "(list_contains(given_roots_l, surname_r) AND list_contains(surname_tokens_l, given_r))",
        "(list_contains(given_roots_r, surname_l) AND list_contains(surname_tokens_r, given_l))",
    ]
)
ALIKE_EXCHANGED = 0.88
"""Jaro-Winkler similarity from which exchanged names are spelled alike."""
NAMES_SWAPPED_SIMILAR = (
    f"(jaro_winkler_similarity(given_l, surname_r) >= {ALIKE_EXCHANGED}"
    f" AND jaro_winkler_similarity(surname_l, given_r) >= {ALIKE_EXCHANGED})"
)
GIVEN_IN_OTHER_FIELD = any_of([equal_swapped("given", "middle"), equal_swapped("given", "surname")])
SAME_GIVEN = any_of(
    [overlap("given_roots"), initial_of_other("given"), equal_swapped("given", "middle"), NAMES_SWAPPED]
)
SIMILAR_GIVEN = any_of(
    [SAME_GIVEN, NAMES_SWAPPED_SIMILAR, equal_swapped("given", "surname"), similar("given", 0.8)]
)
GIVEN_ONE_EDIT = "damerau_levenshtein(given_l, given_r) <= 1"
BIRTH_ONE_EDIT = "damerau_levenshtein(birth_date_l, birth_date_r) <= 1"
BIRTH_TWO_EDITS = "damerau_levenshtein(birth_date_l, birth_date_r) <= 2"
SAME_BIRTH = any_of([equal("birth_date"), overlap("birth_dates")])
DAY_UNKNOWN = "(birth_date_l IS NULL OR birth_date_r IS NULL)"
DECADES_APART = (
    f"abs(birth_year_l - birth_year_r) IN ({', '.join(str(years) for years in range(10, 101, 10))})"
)
"""Birth years with one last digit, as a slip in another digit leaves."""
ONE_FIRST_OF_JANUARY = (
    f"({equal('birth_year')} AND "
    "(substr(birth_date_l, 6, 5) = '01-01' OR substr(birth_date_r, 6, 5) = '01-01'))"
)
"""Same birth year, one date on the first of January.

Many systems write the first of January if they know only the year.
"""
NEAR_BIRTH = any_of(
    [
        SAME_BIRTH,
        BIRTH_ONE_EDIT,
        equal_swapped("birth_date", "birth_date_swapped"),
        within_days(1),
        ONE_FIRST_OF_JANUARY,
    ]
)
SAME_DAY = "substr(birth_date_l, 6, 5) = substr(birth_date_r, 6, 5)"
SAME_MONTH = "substr(birth_date_l, 1, 7) = substr(birth_date_r, 1, 7)"
MISTYPED_BIRTH = any_of([NEAR_BIRTH, SAME_DAY, SAME_MONTH])
"""Birth dates that differ by one keystroke or one part."""
SIMILAR_BIRTH = any_of([MISTYPED_BIRTH, BIRTH_TWO_EDITS])
SAME_NUMBER = any_of([equal("ssn"), overlap("identifiers")])
NEAR_STREET_NUMBER = "damerau_levenshtein(street_number_l, street_number_r) <= 1"
SAME_SURNAME = overlap("surname_tokens")
SAME_MIDDLE = f"({all_of(equal('middle'), 'length(middle_l) > 1')})"
SAME_NUMBER_OR_LAST4 = any_of([SAME_NUMBER, equal("ssn_last4")])
_GUARDIAN_SHARES_CHILD_SURNAME = any_of(
    f"list_has_any(guardian_surnames_{guardian}, {column}_{child})"
    for guardian in "lr"
    for child in "lr"
    for column in ("surname_tokens", "surname_forms")
)
GUARDIAN_SURNAME = (
    f"({all_of(overlap('guardian_surnames'), f'{_GUARDIAN_SHARES_CHILD_SURNAME} IS NOT TRUE')})"
)
"""A shared guardian surname that is not the child's.

A stranger with the child's name has a guardian of another name.
"""
SUPPORT_BEYOND_MIDDLE = any_of(
    [
        SAME_NUMBER_OR_LAST4,
        NEAR_HOME,
        f"({all_of(NEAR_STREET_NUMBER, similar('street', 0.9))})",
        GUARDIAN_SURNAME,
        f"({all_of(equal('middle_initial'), equal('birth_place'))})",
    ]
)
CORROBORATED = any_of([SUPPORT_BEYOND_MIDDLE, SAME_MIDDLE])
UNCORROBORATED = f"({CORROBORATED} IS NOT TRUE)"
"""Only name and birth date count for the pair.

The records share no number, middle name, home, contact or guardian's name, nor a middle initial
together with a birth place.
"""
SECOND_DOUBT = any_of(
    (
        differ(equal("sex"), "sex"),
        differ(equal("middle_initial"), "middle_initial"),
        differ(overlap("identifiers"), "identifiers"),
        "multiple_birth_l",
        "multiple_birth_r",
    )
)
"""A second difference beside the given names.

A typo in a given name seldom comes with another difference; twins of similar names have one.
"""
ONLY_NAMES_AGREE = f"({UNCORROBORATED} AND {equal('middle_initial')} IS NOT TRUE)"
FIRST_OF_JANUARY = f"({equal('birth_date')} AND substr(birth_date_l, 6, 5) = '01-01')"

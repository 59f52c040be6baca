"""Detection of placeholder names, such as UNKNOWN or BABY BOY A.

In the US Census 2020 table of first names, ``MALE``, ``FEMALE``, ``BOY``, ``GIRL`` and ``BABY`` are
among the 2,000 most frequent "names", each of over 15,000 people, nearly all of one sex: they
are what a form says before a child is named. Hospitals name newborns ``BABY BOY A`` or ``BG B``, a
letter for each child of a multiple birth. Spreadsheets end in a row of totals.
"""

import re
from functools import lru_cache

from mpi.standardize.missing_values import is_missing_marker
from mpi.standardize.text_folding import CACHE_SIZE, squeeze

_NOT_A_LETTER = re.compile(r"[^A-Z]+")

# On the closed-up form, so that BA BY is read as BABY is. BOYD is a name; BOYA to BOYC are not.
_UNNAMED_CHILD = re.compile(
    r"""(?:
        BABY | BABY(?:BOY|GIRL|MALE|FEMALE).* | BABY[A-H1-8]
      | (?:B|BABY)?(?:BOY|GIRL)(?:[ABC1-6])? | (?:BB|BG)[A-F1-6]?
      | MALE | FEMALE | (?:MALE|FEMALE)(?:INFANT|CHILD|BABY)
      | (?:INFANT|NEWBORN|UNBORN)(?:[A-F1-6] | (?:BOY|GIRL|MALE|FEMALE|CHILD|BABY|OF).*)?
      | CHILD[ABC1-9]? | FETUS
      | (?:TWIN|TRIPLET|QUADRUPLET)[A-F1-6]?(?:BOY|GIRL)?
    )\Z""",
    re.VERBOSE,
)
_MULTIPLE_BIRTH_CHILD = re.compile(
    r"""(?:
        (?:BABY)?(?:BOY|GIRL)[A-F1-6] | (?:BB|BG)[A-F1-6] | BABY(?:A|[CDEF1-6])
      | (?:INFANT|NEWBORN)(?:BOY|GIRL)?[A-F1-6]
      | (?:TWIN|TRIPLET|QUADRUPLET)[A-F1-6]?(?:BOY|GIRL)?
    )\Z""",
    re.VERBOSE,
)
# The last row of a spreadsheet or report, where the child's name would stand.
_TOTALS_ROW = re.compile(
    r"(?:GRAND|SUB|OVERALL|REPORT|PAGE)?TOTALS?(?:COUNT|RECORDS|ROWS|STUDENTS|CHILDREN|CLIENTS|ENROLLMENT)?\Z"
    r"|(?:RECORD|ROW|STUDENT|CHILD|CLIENT)COUNT\Z|ENDOF(?:FILE|REPORT|LIST)\Z"
)
_TEST_WORD = re.compile(r"(?:TEST|TESTING|DUMMY)(?:STUDENT|PUPIL|CHILD|CLIENT|PATIENT|RECORD|USER)?\Z")
_UNNAMED_CHILD_SURNAME = re.compile(r"(?:BABY|INFANT|NEWBORN)(?:BOY|GIRL|MALE|FEMALE)[A-F1-6]?\Z")
_UNKNOWN_NAMES = frozenset(
    ("UNKNOWN", "UNK", "UNKN", "UNNAMED", "NONAME", "NONE", "NULL", "NOTAVAILABLE", "NOTKNOWN",
     "NOTGIVEN", "NOTPROVIDED", "NOTAPPLICABLE", "TBD", "TBA", "TEST", "TESTING", "DUMMY",
     "PLACEHOLDER", "ANONYMOUS", "BLANK", "EMPTY", "MISSING", "UNDEFINED")
)  # fmt: skip
# First, last and middle name unknown; no middle name or initial.
_UNKNOWN_GIVEN_NAMES = _UNKNOWN_NAMES | {"FNU", "NFN", "NOFIRSTNAME", "STUDENT"}
_UNKNOWN_MIDDLE_NAMES = _UNKNOWN_NAMES | {"NMN", "NMI", "NOMIDDLENAME", "NOMIDDLE", "MNU"}
# NONE, NULL and BLANK are surnames, and so is TEST: 1,171 people in the Census 2020 table.
_UNKNOWN_SURNAMES = (_UNKNOWN_NAMES - {"NONE", "NULL", "TEST", "BLANK"}) | {"LNU", "NLN", "NOLASTNAME"}


@lru_cache(CACHE_SIZE)
def is_placeholder_given(text: str) -> bool:
    """Return whether a given name is a placeholder or means unknown."""
    return (
        _is_filler(text, _UNKNOWN_GIVEN_NAMES)
        or _is_test_word(text)
        or any(map(_UNNAMED_CHILD.match, _list_forms(text)))
    )


@lru_cache(CACHE_SIZE)
def is_placeholder_middle(text: str) -> bool:
    """Return whether a middle name means none or unknown."""
    return _is_filler(text, _UNKNOWN_MIDDLE_NAMES)


@lru_cache(CACHE_SIZE)
def is_placeholder_surname(text: str) -> bool:
    """Return whether a last name means unknown."""
    return _is_filler(text, _UNKNOWN_SURNAMES) or any(map(_UNNAMED_CHILD_SURNAME.match, _list_forms(text)))


@lru_cache(CACHE_SIZE)
def is_test_record(first: str, last: str) -> bool:
    """Return whether a name, such as Test Student, is test data.

    The last name of test data is no evidence, though it is not rare: every integrator sends the same.
    """
    if _is_test_word(first):
        return True
    return _is_test_word(last) and is_placeholder_given(first)


def _is_test_word(text: str) -> bool:
    """Return whether a name is a word for test data."""
    return any(map(_TEST_WORD.match, _list_forms(text)))


@lru_cache(CACHE_SIZE)
def is_multiple_birth_name(given: str) -> bool:
    """Return whether a name like ``Baby Boy A`` marks a multiple."""
    return is_placeholder_given(given) and any(map(_MULTIPLE_BIRTH_CHILD.match, _list_forms(given)))


def _is_filler(text: str, fillers: frozenset[str]) -> bool:
    """Return whether a name is a filler or a totals row."""
    return is_missing_marker(text) or any(
        form in fillers or _is_repeated_key(form) or _TOTALS_ROW.match(form) for form in _list_forms(text)
    )


def _list_forms(text: str) -> tuple[str, str]:
    """Return a name's letters and digits, and its letters alone.

    TWIN2 and TWIN.
    """
    closed_up = squeeze(text)
    return closed_up, closed_up if closed_up.isalpha() else _NOT_A_LETTER.sub("", closed_up)


def _is_repeated_key(form: str) -> bool:
    """Return whether a name is one repeated character, or has no letter."""
    return not form or (len(form) > 1 and form.strip(form[0]) == "" and form[0] in "XZQ")

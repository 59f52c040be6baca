"""Text that stands where a name is not known.

In the US Census 2020 table of first names, ``MALE``, ``FEMALE``, ``BOY``, ``GIRL`` and ``BABY`` are
among the 2,000 most frequent "names", each borne by over 15,000 people, nearly all of one sex: they
are what a form says before a child is named. Hospitals name newborns ``BABY BOY A`` or ``BG B``, a
letter for each child of a multiple birth.
"""

import re
from functools import lru_cache

from mpi.standardize.text import CACHE_SIZE, LONGEST_FOLDED, squeezed

_NOT_A_LETTER = re.compile(r"[^A-Z]+")
_SLASHED_NA = re.compile(r"\s*N\s*[/\\]\s*A\s*\Z")

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
_ONE_OF_SEVERAL = re.compile(
    r"""(?:
        (?:BABY)?(?:BOY|GIRL)[A-F1-6] | (?:BB|BG)[A-F1-6] | BABY(?:A|[CDEF1-6])
      | (?:INFANT|NEWBORN)(?:BOY|GIRL)?[A-F1-6]
      | (?:TWIN|TRIPLET|QUADRUPLET)[A-F1-6]?(?:BOY|GIRL)?
    )\Z""",
    re.VERBOSE,
)
_NOT_KNOWN = frozenset(
    ("UNKNOWN", "UNK", "UNKN", "UNNAMED", "NONAME", "NONE", "NULL", "NOTAVAILABLE", "NOTKNOWN",
     "NOTGIVEN", "NOTPROVIDED", "NOTAPPLICABLE", "TBD", "TBA", "TEST", "TESTING", "DUMMY",
     "PLACEHOLDER", "ANONYMOUS")
)  # fmt: skip
# First, last and middle name unknown; no middle name or initial.
_GIVEN_NOT_KNOWN = _NOT_KNOWN | {"FNU", "NFN", "NOFIRSTNAME", "STUDENT"}
_MIDDLE_NOT_KNOWN = _NOT_KNOWN | {"NMN", "NMI", "NOMIDDLENAME", "NOMIDDLE", "MNU"}
# NONE and NULL are surnames, and so is TEST: 1,171 people in the Census 2020 table.
_SURNAME_NOT_KNOWN = (_NOT_KNOWN - {"NONE", "NULL", "TEST"}) | {"LNU", "NLN", "NOLASTNAME"}


@lru_cache(CACHE_SIZE)
def is_placeholder_given(text: str) -> bool:
    """Whether a given name says only that the child is not named or the name not known."""
    return _says_nothing(text, _GIVEN_NOT_KNOWN) or any(map(_UNNAMED_CHILD.match, _forms(text)))


@lru_cache(CACHE_SIZE)
def is_placeholder_middle(text: str) -> bool:
    """Whether a middle name says that there is none, or that it is not known."""
    return _says_nothing(text, _MIDDLE_NOT_KNOWN)


@lru_cache(CACHE_SIZE)
def is_placeholder_surname(text: str) -> bool:
    """Whether a last name says only that it is not known."""
    return _says_nothing(text, _SURNAME_NOT_KNOWN)


@lru_cache(CACHE_SIZE)
def says_multiple_birth(given: str) -> bool:
    """Whether a placeholder such as ``Baby Boy A`` or ``Twin B`` marks one child of several."""
    return is_placeholder_given(given) and any(map(_ONE_OF_SEVERAL.match, _forms(given)))


def _says_nothing(text: str, fillers: frozenset[str]) -> bool:
    if _SLASHED_NA.match(text[:LONGEST_FOLDED].upper()):
        return True
    return any(form in fillers or _is_struck(form) for form in _forms(text))


def _forms(text: str) -> tuple[str, str]:
    """The closed-up letters and digits, and the letters alone: TWIN2 and TWIN."""
    closed_up = squeezed(text)
    return closed_up, closed_up if closed_up.isalpha() else _NOT_A_LETTER.sub("", closed_up)


def _is_struck(form: str) -> bool:
    """Whether it is one key struck several times, or no letter at all."""
    return not form or (len(form) > 1 and form.strip(form[0]) == "" and form[0] in "XZQ")

"""Normal forms of the values that a linkage token is made of.

They are those of Open Link Token 2.2 (https://github.com/TruvetaPublic/OpenLinkToken,
``pages/concepts/normalization-and-validation.md``): parties that share no value must clean it alike, to the
letter. The index compares records by its own standardizer, which knows more. Three rules are stricter here: a
birth date and an SSN must pass the index's own checks, and no rule depends on the day on which it runs.
"""

import re
import unicodedata
from functools import lru_cache

from mpi.standardize.text_folding import CACHE_SIZE

EARLIEST_BIRTH_DATE = "1910-01-01"
"""First birth date of which a token is made."""

_TRANSLITERATIONS = str.maketrans({
    "Æ": "AE", "æ": "ae", "Ð": "D", "ð": "d", "Ø": "O", "ø": "o", "Þ": "TH", "þ": "th", "ß": "ss", "ẞ": "SS",
    "Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "\u0131": "i", "Ĳ": "IJ", "ĳ": "ij", "Ŀ": "L", "ŀ": "l", "Ł": "L",
    "ł": "l", "ŉ": "n", "Ŋ": "NG", "ŋ": "ng", "Œ": "OE", "œ": "oe", "Ŧ": "T", "ŧ": "t", "\u017f": "s",
    "Ƒ": "F", "ƒ": "f", "Ǆ": "DZ", "ǅ": "Dz", "ǆ": "dz", "Ǉ": "LJ", "ǈ": "Lj", "ǉ": "lj", "Ǌ": "NJ",
    "ǋ": "Nj", "ǌ": "nj", "Ǳ": "DZ", "ǲ": "Dz", "ǳ": "dz", "Ǽ": "AE", "ǽ": "ae", "Ǿ": "O", "ǿ": "o",
})  # fmt: skip
"""Latin letters that Unicode does not decompose, with their letters of the alphabet."""

_PLACEHOLDER_NAMES = frozenset((
    "unknown", "n/a", "none", "test", "sample", "donor", "patient", "automation test", "automationtest",
    "patient not found", "patientnotfound", "<masked>", "anonymous", "zzztrash", "missing", "unavailable",
    "not available", "notavailable",
))  # fmt: skip
_TITLES = (
    "mr", "mrs", "ms", "miss", "dr", "prof", "capt", "sir", "col", "gen", "cmdr", "lt", "rabbi", "father",
    "brother", "sister", "hon", "honorable", "reverend", "rev", "doctor",
)  # fmt: skip
_LEADING_TITLES = re.compile(rf"\s*(?:(?:{'|'.join(_TITLES)})\.?\s+)+", re.IGNORECASE)
_TRAILING_SUFFIXES = re.compile(
    r"(?:\s+(?:jr\.?|junior|sr\.?|senior|i{1,3}|iv|vi{0,3}|ix|x|\d+(?:st|nd|rd|th)))+$", re.IGNORECASE
)
_TRAILING_INITIAL = re.compile(r"\s\S\.?$")
_FIRST_OF_SEVERAL_NAMES = re.compile(
    r"([A-Za-z]{3,})[\s./]+[A-Za-z]+(?:[\s./\-\u2010-\u2015\u2212]+[A-Za-z]+)*$"
)
_NO_LETTERS = re.compile(r"[^A-Za-z]")
_VOWELS = frozenset("AEIOU")

_US_CODE = re.compile(r"(\d{3})(?:\d{0,2}|\d{2}-?\d{4})$", re.ASCII)
_INVALID_US_CODES = (
    "11111", "22222", "33333", "66666", "77777", "99999", "01234", "12345", "54321", "98765",
    "000", "555", "888",
)  # fmt: skip
_CANADIAN_CODE = re.compile(r"[A-Z]\d[A-Z](?:\s?\d(?:[A-Z]\d?)?)?$", re.ASCII)
_INVALID_CANADIAN_CODES = frozenset(
    ("A1A1A1", "X0X0X0", "Y0Y0Y0", "Z0Z0Z0", "A0A0A0", "B1B1B1", "C2C2C2", "K1A0A6", "H0H0H0")
)
_INVALID_CANADIAN_AREAS = frozenset(("K1A", "M7A", "H0H"))
_CANADIAN_CODE_LENGTH = 6


@lru_cache(CACHE_SIZE)
def normalize_first_name(text: str) -> str | None:
    """Return a first name in upper case, as for tokens, or None.

    Titles, suffixes, a trailing initial and further names are left out: ``Dr. José Luis`` gives ``JOSE``.
    """
    name = _fold_letters(text)
    name = _LEADING_TITLES.sub("", name, count=1).strip() or name if _LEADING_TITLES.match(name) else name
    name = _TRAILING_SUFFIXES.sub("", name).strip() or name
    name = _TRAILING_INITIAL.sub("", name).strip()
    several = _FIRST_OF_SEVERAL_NAMES.match(name)
    letters = _NO_LETTERS.sub("", several[1] if several else name)
    return letters.upper() if letters and not _is_placeholder(text, letters) else None


@lru_cache(CACHE_SIZE)
def normalize_last_name(text: str) -> str | None:
    """Return a last name in upper case, as for tokens, or None.

    Suffixes are left out, and what is no letter: ``O'Reilly-Smith Jr.`` gives ``OREILLYSMITH``. A name of two
    letters needs a vowel, or is ``NG``.
    """
    name = _fold_letters(text)
    shortened = _TRAILING_SUFFIXES.sub("", name)
    letters = _NO_LETTERS.sub("", shortened if shortened.strip() else name).upper()
    is_name = len(letters) > 2 or (len(letters) == 2 and (letters == "NG" or not _VOWELS.isdisjoint(letters)))  # noqa: PLR2004 - as the docstring says
    return letters if is_name and not _is_placeholder(text, letters) else None


def name_sex(code: str | None) -> str | None:
    """Return the word that a token has for a standardized sex."""
    return {"M": "MALE", "F": "FEMALE"}.get(code or "")


@lru_cache(CACHE_SIZE)
def find_postal_area(text: str) -> str | None:
    """Return the first three characters of a postal code, or None.

    A code that is often a filler, such as 12345, has none.
    """
    code = text.strip()
    match = _US_CODE.match(code)
    if match:
        return None if code.startswith(_INVALID_US_CODES) else match[1]
    code = code.upper()
    if not _CANADIAN_CODE.match(code):
        return None
    code = _NO_SPACES.sub("", code)
    is_partial = len(code) < _CANADIAN_CODE_LENGTH or code.endswith("0")
    is_filler = code in _INVALID_CANADIAN_CODES or (is_partial and code[:3] in _INVALID_CANADIAN_AREAS)
    return None if is_filler else code[:3]


_NO_SPACES = re.compile(r"\s")


def _fold_letters(text: str) -> str:
    """Replace letters with marks by plain ones."""
    decomposed = unicodedata.normalize("NFD", text.strip().translate(_TRANSLITERATIONS))
    return "".join([letter for letter in decomposed if not unicodedata.category(letter).startswith("M")])


def _is_placeholder(text: str, letters: str) -> bool:
    """Return whether a name, as written or as cleaned, stands for none."""
    return text.lower() in _PLACEHOLDER_NAMES or letters.lower() in _PLACEHOLDER_NAMES

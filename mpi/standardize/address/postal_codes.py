"""Standardization of postal codes of any country.

A ZIP code is five digits. A code of a known form is written as its two halves, so that the first half (the
area) ends at the blank: ``SW1A 1AA``, ``K1A 0B1``, ``1012 AB``. Any other code is its letters and digits. The
forms follow the Universal Postal Union, *Postal addressing systems in member countries*.
"""

import re
from functools import lru_cache

from mpi.standardize.missing_values import has_lost_digits, is_missing_marker
from mpi.standardize.text_folding import CACHE_SIZE, squeeze

_ZIP = re.compile(r"([0-9]{4,5})(?:[- ][0-9]{4}|(?<=[0-9]{5})[0-9]{4})?\Z")
_ZIP_DIGITS = 5
_DECIMALS = re.compile(r"(?<=[0-9])\.0+\Z")  # a program that takes codes for numbers writes 43001.0
_FILLER = re.compile(r"(?:0+|9+)\Z")
_LOOKALIKES = str.maketrans("OILSBZ", "011582")
_TWO_HALVES = re.compile(
    r"(?P<uk>[A-PR-UWYZ][A-HK-Y]?[0-9][A-Z0-9]?)(?P<uk_unit>[0-9][ABD-HJLNP-UW-Z]{2})"
    r"|(?P<canada>[A-Z][0-9][A-Z])(?P<canada_unit>[0-9][A-Z][0-9])"
    r"|(?P<netherlands>[0-9]{4})(?P<netherlands_unit>[A-Z]{2})"
    r"|(?P<ireland>[A-Z][0-9][0-9W])(?P<ireland_unit>[A-Z0-9]{4})"
)
"""Forms whose first half is an area: United Kingdom, Canada, Netherlands, Ireland."""
_MAX_CHARACTERS = 10
"""Characters of the longest postal codes, those of Iran."""
_MIN_CHARACTERS = 2


@lru_cache(CACHE_SIZE)
def parse_postal_code(text: str | None) -> str | None:
    """Return a postal code of any country in its standard form.

    Returns:
        Five digits of a ZIP or ZIP+4 code, or another code in upper case; None for a filler, a misread ZIP
        code (``4300I``), or text that is no code.
    """
    if not text or is_missing_marker(text) or has_lost_digits(text):
        return None
    without_decimals = _DECIMALS.sub("", text)
    code = squeeze(without_decimals)
    return parse_zip_code(without_decimals) or parse_zip_code(code) or _parse_foreign_code(code)


def parse_zip_code(text: str | None) -> str | None:
    """Return the five digits of a ZIP or ZIP+4 code.

    Four digits are a code of the Northeast whose leading zero a spreadsheet dropped.

    Returns:
        None for a filler or any other text.
    """
    match = _ZIP.match(text) if text else None
    code = match[1].zfill(_ZIP_DIGITS) if match else None
    return None if code is None or _FILLER.match(code) else code


def names_a_street(code: str | None) -> bool:
    """Return whether a postal code stands for a part of a street.

    A full code of two halves has some fifteen homes, so a street with it needs no house number.

    Args:
        code: a postal code in its standard form.
    """
    return code is not None and " " in code


def _parse_foreign_code(code: str) -> str | None:
    """Return the standard form of a code of letters and digits."""
    if not _MIN_CHARACTERS <= len(code) <= _MAX_CHARACTERS or not any(map(str.isdigit, code)):
        return None
    if match := _TWO_HALVES.fullmatch(code):
        return " ".join(filter(None, match.groups()))
    return None if _FILLER.match(code) or _is_misread_zip(code) else code


def _is_misread_zip(code: str) -> bool:
    """Return whether letters that look like digits stand in a ZIP code."""
    return len(code) == _ZIP_DIGITS and not code.isdigit() and code.translate(_LOOKALIKES).isdigit()

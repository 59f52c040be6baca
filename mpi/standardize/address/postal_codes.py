"""Postal codes: the five digits of a ZIP code."""

import re

_ZIP = re.compile(r"([0-9]{4,5})(?:[- ][0-9]{4}|(?<=[0-9]{5})[0-9]{4})?\Z")
_DIGITS = 5
_FILLER_CODES = frozenset(("00000", "99999"))


def parse_postal_code(text: str | None) -> str | None:
    """The five digits of a ZIP or ZIP+4 code; None for a filler or any other text.

    Four digits are a code of the Northeast whose leading zero a spreadsheet took for a number's.
    """
    found = _ZIP.match(text) if text else None
    code = found[1].zfill(_DIGITS) if found else None
    return None if code in _FILLER_CODES else code

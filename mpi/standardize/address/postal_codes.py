"""Standardization of ZIP codes to five digits."""

import re

_ZIP = re.compile(r"([0-9]{4,5})(?:[- ][0-9]{4}|(?<=[0-9]{5})[0-9]{4})?\Z")
_DIGITS = 5
_FILLER_CODES = frozenset(("00000", "99999"))


def parse_postal_code(text: str | None) -> str | None:
    """Return the five digits of a ZIP or ZIP+4 code.

    Four digits are a code of the Northeast whose leading zero a spreadsheet dropped.

    Returns:
        None for a filler or any other text.
    """
    match = _ZIP.match(text) if text else None
    code = match[1].zfill(_DIGITS) if match else None
    return None if code in _FILLER_CODES else code

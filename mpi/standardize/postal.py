"""Postal codes: the five digits of a ZIP code."""

import re

_ZIP = re.compile(r"([0-9]{5})(?:[- ]?[0-9]{4})?\Z")
_NEVER_A_PLACE = frozenset(("00000", "99999"))


def postal_code(text: str | None) -> str | None:
    """The five digits of a ZIP or ZIP+4 code; None for a filler or any other text."""
    found = _ZIP.match(text) if text else None
    return found[1] if found and found[1] not in _NEVER_A_PLACE else None

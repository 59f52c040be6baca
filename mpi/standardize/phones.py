"""Standardization of phone numbers and email addresses."""

import re
from functools import lru_cache

import phonenumbers

from mpi.standardize.text_folding import CACHE_SIZE

_HOME_REGION = "US"
_MAX_PHONE_CHARACTERS = 100
_MAX_EMAIL_CHARACTERS = 254
"""Most characters of an email address.

RFC 5321 section 4.5.3.1.3 less the angle brackets.
"""

_NUMBER_SEPARATOR = re.compile(r"[;|]")
# A number of the North American plan as nearly everybody writes it. Its block of a thousand (the first seven
# digits) says whether it can be dialled: no pattern of the plan looks at the last three (a test holds that).
_NORTH_AMERICAN_NUMBER = re.compile(
    r"(?:\(([2-9][0-9]{2})\) ?|([2-9][0-9]{2})[-. ]?)([0-9]{3})[-. ]?([0-9])([0-9]{3})\Z"
)
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+\Z")
_FILLERS = frozenset(("none", "noemail", "na", "n/a", "unknown", "test", "noreply", "no"))


def parse_phones(text: str | None) -> tuple[str, ...]:
    """Return the valid numbers of a phone field in E.164, sorted.

    ``;`` and ``|`` separate several numbers. A number without a country code is read as a US number.
    """
    if not text:
        return ()
    numbers = {_to_e164(part) for part in _NUMBER_SEPARATOR.split(text[:_MAX_PHONE_CHARACTERS])}
    return tuple(sorted(number for number in numbers if number))


def parse_email(text: str | None) -> str | None:
    """Return an email address in lower case; None for a filler.

    Nothing else is changed: which spellings reach one mailbox is the provider's business.
    """
    if not text or len(text) > _MAX_EMAIL_CHARACTERS:
        return None
    lower = text.lower()
    if not _EMAIL.match(lower) or lower.partition("@")[0] in _FILLERS:
        return None
    return lower


def _to_e164(text: str) -> str | None:
    """Return a phone number in E.164; None where it is not valid."""
    match = _NORTH_AMERICAN_NUMBER.match(text)
    if match is None:
        return _parse_other_number(text)
    block = f"{match[1] or match[2]}{match[3]}{match[4]}"
    return f"+1{block}{match[5]}" if _is_valid_block(block) else None


@lru_cache(CACHE_SIZE)
def _is_valid_block(block: str) -> bool:
    """Return whether phone numbers with these first seven digits are valid."""
    number = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{block}000"))
    return phonenumbers.is_valid_number(number)


@lru_cache(CACHE_SIZE)
def _parse_other_number(text: str) -> str | None:
    """Parse a phone number of any form by ``phonenumbers``."""
    try:
        number = phonenumbers.parse(text, _HOME_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

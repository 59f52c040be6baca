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
# Outside North America a number is often written with its trunk prefix 0, which no US number begins with. One
# in the grouping of a US number (012-345-6789) is a US number with a slip.
_TRUNK_NUMBER = re.compile(r"\(?0[0-9 ()./-]{8,19}\Z")
_US_GROUPING = re.compile(r"\(?[0-9]{3}\)?[-. ]?[0-9]{3}[-. ][0-9]{4}\Z")
_NO_DIGIT = re.compile(r"[^0-9]")
_TRUNK_NUMBER_DIGITS = range(9, 13)
_LEAST_DISTINCT_DIGITS = 4
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+\Z")
_FILLERS = frozenset(("none", "noemail", "na", "n/a", "unknown", "test", "noreply", "no"))


def parse_phones(text: str | None) -> tuple[str, ...]:
    """Return the valid numbers of a phone field, sorted.

    ``;`` and ``|`` separate several numbers. A number without a country code is read as a US number, one
    with a trunk prefix (``020 7946 0018``) as that of an unknown country.

    Returns:
        Numbers in E.164; those of an unknown country as their digits.
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
    international = re.sub(r"^\s*00", "+", text)
    try:
        number = phonenumbers.parse(international, _HOME_REGION)
    except phonenumbers.NumberParseException:
        return _parse_trunk_number(text.strip())
    if not phonenumbers.is_valid_number(number):
        return _parse_trunk_number(text.strip())
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _parse_trunk_number(text: str) -> str | None:
    """Return the digits of a number that begins with a trunk prefix."""
    if not _TRUNK_NUMBER.match(text) or _US_GROUPING.match(text):
        return None
    digits = _NO_DIGIT.sub("", text)
    is_filler = len(set(digits)) < _LEAST_DISTINCT_DIGITS
    return digits if len(digits) in _TRUNK_NUMBER_DIGITS and not is_filler and digits[1] != "0" else None

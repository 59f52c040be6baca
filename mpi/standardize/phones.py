"""Phone numbers and email addresses."""

import re
from functools import lru_cache

import phonenumbers

from mpi.standardize.text import CACHE_SIZE

_HOME = "US"
_LONGEST_PHONE = 100
_LONGEST_EMAIL = 254
"""Characters; RFC 5321 section 4.5.3.1.3 less the angle brackets."""

_SEVERAL = re.compile(r"[;|]")
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+\Z")
_FILLERS = frozenset(("none", "noemail", "na", "n/a", "unknown", "test", "noreply", "no"))


def read_phones(text: str | None) -> tuple[str, ...]:
    """The valid numbers in a phone field, in E.164, sorted; ``;`` and ``|`` separate several.

    A number without a country code is read as a US number.
    """
    if not text:
        return ()
    found = {_e164(part) for part in _SEVERAL.split(text[:_LONGEST_PHONE])}
    return tuple(sorted(number for number in found if number))


def read_email(text: str | None) -> str | None:
    """The address in lower case; None for a filler or what is no address.

    Nothing else is changed: which spellings reach one mailbox is the provider's business.
    """
    if not text or len(text) > _LONGEST_EMAIL:
        return None
    lower = text.lower()
    if not _EMAIL.match(lower) or lower.partition("@")[0] in _FILLERS:
        return None
    return lower


@lru_cache(CACHE_SIZE)
def _e164(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, _HOME)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

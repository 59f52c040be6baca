"""Password hashing and rules for new passwords.

Passwords are stored as argon2id with the second recommended option of RFC 9106, section 4: 64 MiB, 3 passes,
4 lanes. New passwords follow NIST SP 800-63B-4, section 3.1.1: at least 15 characters where the password is
the only factor, none of the commonly used or expected ones, and no rule on the kinds of characters. zxcvbn
finds common passwords, words, dates and rows of keys in it, and estimates the guesses that they cost.
"""

import re
import secrets
import sys
import unicodedata
from functools import lru_cache
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from mpi.domain.errors import InputError

MIN_LENGTH = 15
MAX_LENGTH = 200
"""Most characters of a password; bounds the work of hashing. NIST asks for at least 64."""

HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

NO_PASSWORD = "!"  # noqa: S105 - no password has this hash
"""Hash of an account without a password, whose person signs in with an identity provider alone."""

_COMMON_WORDS = """
password passphrase passwort passw0rd pass letmein welcome changeme secret admin administrator login access
qwerty qwertyuiop asdf asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx 1qaz2wsx 1q2w3e4r 1q2w3e4r5t azerty
0123456789 123456789 12345678 1234567 123456 12345 1234 123 987654321 654321 54321 4321 321 abc
iloveyou sunshine princess football baseball dragon monkey master shadow superman trustno1
spring summer autumn fall winter monday tuesday wednesday thursday friday saturday sunday
january february march april may june july august september october november december
masterpersonindex person index mpi steward approver operator school student district state county
children child foster family welfare care services department agency
"""
"""Words that an attacker tries first, without spaces and signs.

Common passwords and their pieces, rows of keys, seasons, months, days, and words of this index and its users.
"""
_PHRASES = """
allyouneedislove changemepleasenow correcthorsebatterystaple dontforgetthepassword fourscoreandsevenyearsago
godblessamerica happybirthdaytoyou homesweethome iforgotmypassword iloveyouforever iloveyousomuch
ingodwetrust letmeinplease livelaughlove livelaughloveforever maryhadalittlelamb maytheforcebewithyou
merrychristmaseveryone
mypasswordispassword nevergonnagiveyouup newpasswordforwork onceuponatime onetwothreefourfive opensesameplease
passwordispassword pleaseletmein secretpassword supersecretpassword thepasswordissecret thequickbrownfox
thequickbrownfoxjumps thequickbrownfoxjumpsoverthelazydog thisisapassword thisismypassword tobeornottobe
tobeornottobethatisthequestion twinkletwinklelittlestar verylongpassword averylongpassword
wethepeopleoftheunitedstates welcometomyworld whatismypassword youshallnotpass
"""
"""Phrases that people take for long passwords, without spaces and signs."""
_COMMON_PHRASES = frozenset(_PHRASES.split())
_EXPECTED_WORDS = tuple(sorted(_COMMON_WORDS.split(), key=len, reverse=True))
"""Common words, longest first, so that none remains in part."""
_MIN_DISTINCT_CHARACTERS = 6
"""Fewest distinct characters, and fewest characters outside common words."""
_MIN_GUESSES = 10**8
"""Fewest guesses, as zxcvbn estimates them; an account permits 100 in a row."""
_ESTIMATED_LENGTH = 72
"""Most characters that are estimated; the time grows with their square."""
_MIN_WORD_LENGTH = 3
"""Fewest characters of a word that counts: shorter ones occur by chance."""
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_GROUP_COUNT, _GROUP_LENGTH = 5, 4
_YEAR = re.compile("(19|20)[0-9]{2}")


def hash_password(password: str) -> str:
    """Return the hash that is stored for a password."""
    return HASHER.hash(_normalize(password))


def is_correct(password_hash: str | None, password: str) -> bool:
    """Return whether a password matches a stored hash.

    Without a stored hash the answer is no, and takes as long: timing must not reveal which accounts exist.
    """
    is_usable = password_hash is not None and password_hash != NO_PASSWORD
    try:
        stored = password_hash if is_usable and password_hash is not None else _dummy_hash()
        return HASHER.verify(stored, _normalize(password)) and is_usable
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Return whether a password hash was made with parameters now outdated."""
    return HASHER.check_needs_rehash(password_hash)


def check_password(password: str, *names: str) -> None:
    """Check that a new password is long and hard to guess.

    Args:
        password: the password as typed.
        names: the account's name and the person's, which must not make up the password.

    Raises:
        InputError: the password is too short, too long, or among the first that an attacker would try.
    """
    normalized = _normalize(password)
    if len(normalized) < MIN_LENGTH:
        raise InputError(
            f"a password has at least {MIN_LENGTH} characters: several words are easy to remember"
        )
    if len(normalized) > MAX_LENGTH:
        raise InputError(f"a password has at most {MAX_LENGTH} characters")
    if any(unicodedata.category(letter) == "Cc" for letter in normalized):
        raise InputError("a password has no control characters")
    remaining = _alphanumeric(normalized)
    if len(set(remaining)) < _MIN_DISTINCT_CHARACTERS or _is_sequence(remaining):
        raise InputError("this password repeats or counts: take one that nobody would try")
    for expected in (
        *_EXPECTED_WORDS,
        *(_alphanumeric(word) for name in names for word in (name, *name.split())),
    ):
        if len(expected) >= _MIN_WORD_LENGTH:
            remaining = remaining.replace(expected, "")
    remaining = _YEAR.sub("", remaining)
    if len(remaining) < _MIN_DISTINCT_CHARACTERS:
        raise InputError("this password is made of a name or a common word: take one that nobody would try")
    if _is_common(_alphanumeric(normalized)):
        raise InputError("this password is among the first that attackers try: take another")


def generate_one_time_password() -> str:
    """Return a random password of 100 bits for one use."""
    return "-".join(
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUP_COUNT)
    )


def _is_common(letters: str) -> bool:
    """Return whether a password is a known phrase or cheap to guess."""
    # It reads lists of words, which only a new password needs.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    estimate = zxcvbn(letters[:_ESTIMATED_LENGTH])
    return letters in _COMMON_PHRASES or estimate["guesses"] < _MIN_GUESSES


def _is_sequence(text: str) -> bool:
    """Return whether a password counts up or down, or repeats a piece."""
    # Among digits, 0 follows 9.
    alphabet = 10 if text.isdigit() else sys.maxunicode
    is_counting = len({(ord(after) - ord(before)) % alphabet for before, after in pairwise(text)}) == 1
    sizes = range(1, len(text) // 3 + 1)
    return is_counting or any(text == (text[:size] * len(text))[: len(text)] for size in sizes)


def _alphanumeric(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _normalize(password: str) -> str:
    """Return a password in Unicode normal form NFKC (UAX 15)."""
    return unicodedata.normalize("NFKC", password)


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return HASHER.hash(secrets.token_hex())

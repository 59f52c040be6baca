"""Student unique IDs that the index assigns for a state.

A pattern is text of 8 to 32 characters. ``#`` stands for a digit and ``*``, as the last character, for a
check digit; letters and digits stand for themselves: ``OH########*``. The check digit is that of ISO/IEC
7064, MOD 11,10, over all digits before it: it finds every wrong digit, and nearly every swap of neighbors.

IDs are compared exactly, since an Ed-Fi ODS compares them case-sensitively.
"""

import re
from dataclasses import dataclass

from mpi.domain.errors import InputError

MAX_LENGTH = 32
"""Longest unique ID of an Ed-Fi data standard."""
MIN_DIGITS = 7
"""Fewest digits that are drawn: with fewer, IDs would collide and could be guessed."""
_SSN_FORM = re.compile(r"[#\d]{3}[ -][#\d]{2}[ -][#\d]{3}[#*\d]", re.ASCII)
_PATTERN = re.compile(r"[A-Za-z0-9#-]+\*?", re.ASCII)


@dataclass(frozen=True, slots=True)
class IdPattern:
    """The form of the unique IDs of a state.

    Args:
        text: the pattern.
    """

    text: str

    def __post_init__(self) -> None:
        """Check the pattern.

        Raises:
            InputError: it has other characters, is too long, has too few digits, or is like an SSN.
        """
        if not _PATTERN.fullmatch(self.text) or len(self.text) > MAX_LENGTH:
            raise InputError(
                f"a pattern of unique IDs has at most {MAX_LENGTH} letters, digits, '-' and '#', "
                "and may end with '*'"
            )
        if _SSN_FORM.fullmatch(self.text):
            raise InputError("a pattern of unique IDs may not have the form of a Social Security number")
        if self.text.count("#") < MIN_DIGITS:
            raise InputError(f"a pattern of unique IDs has at least {MIN_DIGITS} '#'")

    @property
    def capacity(self) -> int:
        """How many different IDs there are."""
        return int(10 ** self.text.count("#"))

    def make(self, number: int) -> str:
        """Return the ID of a number.

        Args:
            number: any whole number of 0 or more; those that differ by ``capacity`` have the same ID.
        """
        digits = iter(str(number % self.capacity).zfill(self.text.count("#")))
        body = "".join(next(digits) if symbol == "#" else symbol for symbol in self.text.rstrip("*"))
        return body + compute_check_digit(body) if self.text.endswith("*") else body

    def is_id(self, text: str) -> bool:
        """Return whether a text has an ID's form and check digit."""
        body = self.text.rstrip("*")
        if not text.isascii() or len(text) != len(self.text):
            return False
        fits = all(
            symbol.isdigit() if wanted == "#" else symbol == wanted
            for wanted, symbol in zip(body, text, strict=False)
        )
        return fits and (body == self.text or text[-1] == compute_check_digit(text[:-1]))


def compute_check_digit(text: str) -> str:
    """Return a text's check digit by ISO/IEC 7064, MOD 11,10."""
    product = 10
    for symbol in text:
        if symbol.isdigit():
            product = ((product + int(symbol)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)

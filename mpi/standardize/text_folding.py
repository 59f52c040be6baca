"""Folding of text to comparable upper-case ASCII."""

import re
import unicodedata

from anyascii import anyascii

CACHE_SIZE = 65_536
"""Entries of each parse cache.

Names, streets and phones repeat inside households and schools.
"""

MAX_FOLDED_CHARACTERS = 200
"""Characters of a value that folding reads.

A longer value is no name or address line.
"""

# Apostrophes of every keyboard join (O'Brien), the Hawaiian okina among them; a full stop joins
# initials (J.R.).
_APOSTROPHES = str.maketrans("", "", "'`.\u00b4\u2018\u2019\u02b9\u02bb\u02bc\u2032\uff07")
_WORD = re.compile(r"[A-Z0-9]+")
_NAME_CATEGORIES = frozenset("LMNPZ")
"""Unicode categories of names: letters, marks, numbers, punctuation, spaces."""


def fold(text: str) -> str:
    """Fold text to ASCII upper case, without apostrophes and full stops.

    Symbols (emoji among them) are dropped rather than spelled out: a transliterator's name for a
    symbol is not what anybody wrote.
    """
    text = text[:MAX_FOLDED_CHARACTERS]
    if not text.isascii():
        name_characters = (
            character
            for character in text.translate(_APOSTROPHES)
            if unicodedata.category(character)[0] in _NAME_CATEGORIES
        )
        text = anyascii("".join(name_characters))
    return text.translate(_APOSTROPHES).upper()


def split_words(text: str) -> tuple[str, ...]:
    """Return the folded runs of letters and digits of a text."""
    if text.isalnum() and text.isascii():  # one word, as most values are
        return (text[:MAX_FOLDED_CHARACTERS].upper(),)
    return tuple(_WORD.findall(fold(text)))


def squeeze(text: str) -> str:
    """Return the folded letters and digits of a text, without spaces."""
    return "".join(split_words(text))


def join_words(text: str | None) -> str | None:
    """Return the folded words of a text, single-spaced; None without any."""
    return (" ".join(split_words(text)) or None) if text else None

"""Folding: one comparable spelling for text that people write in many ways."""

import re
import unicodedata

from anyascii import anyascii

CACHE_SIZE = 65_536
"""Entries of each parse cache: names, streets and phones repeat inside households and schools."""

MAX_FOLDED_CHARACTERS = 200
"""Characters of a value that folding reads; a longer one is not a name or an address line."""

# Apostrophes of every keyboard join (O'Brien), the Hawaiian okina among them; a full stop joins
# initials (J.R.).
_APOSTROPHES = str.maketrans("", "", "'`.\u00b4\u2018\u2019\u02b9\u02bb\u02bc\u2032\uff07")
_WORD = re.compile(r"[A-Z0-9]+")
_NAME_CATEGORIES = frozenset("LMNPZ")
"""Unicode categories that make up names: letters, marks, numbers, punctuation, spaces."""


def fold(text: str) -> str:
    """The text in ASCII upper case, without apostrophes and full stops.

    Symbols (emoji among them) are dropped rather than spelled out: a transliterator's name for a
    symbol is not what anybody wrote.
    """
    text = text[:MAX_FOLDED_CHARACTERS]
    if not text.isascii():
        kept = (c for c in text.translate(_APOSTROPHES) if unicodedata.category(c)[0] in _NAME_CATEGORIES)
        text = anyascii("".join(kept))
    return text.translate(_APOSTROPHES).upper()


def split_words(text: str) -> tuple[str, ...]:
    """The folded runs of letters and digits of a text, in order."""
    if text.isalnum() and text.isascii():  # one word, as most values are
        return (text[:MAX_FOLDED_CHARACTERS].upper(),)
    return tuple(_WORD.findall(fold(text)))


def squeeze(text: str) -> str:
    """The folded letters and digits of a text, closed up."""
    return "".join(split_words(text))


def join_words(text: str | None) -> str | None:
    """The folded words with single spaces between; None where nothing is left."""
    return (" ".join(split_words(text)) or None) if text else None

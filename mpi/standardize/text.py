"""Folding: one comparable spelling for text that people write in many ways."""

import re
import unicodedata

from anyascii import anyascii

CACHE_SIZE = 65_536
"""Entries of each parse cache: names, streets and phones repeat inside households and schools."""

LONGEST_FOLDED = 200
"""Characters of a value that folding reads; a longer one is not a name or an address line."""

# Apostrophes of every keyboard join (O'Brien), the Hawaiian okina among them; a full stop joins
# initials (J.R.).
_JOINING = str.maketrans("", "", "'`.\u00b4\u2018\u2019\u02b9\u02bb\u02bc\u2032\uff07")
_PARTS = re.compile(r"[A-Z0-9]+")
_WRITTEN = frozenset("LMNPZ")
"""Unicode categories that make up names: letters, marks, numbers, punctuation, spaces."""


def fold(text: str) -> str:
    """The text in ASCII upper case, without apostrophes and full stops.

    Symbols (emoji among them) are dropped rather than spelled out: a transliterator's name for a
    symbol is not what anybody wrote.
    """
    text = text[:LONGEST_FOLDED]
    if not text.isascii():
        kept = (c for c in text.translate(_JOINING) if unicodedata.category(c)[0] in _WRITTEN)
        text = anyascii("".join(kept))
    return text.translate(_JOINING).upper()


def words(text: str) -> tuple[str, ...]:
    """The folded runs of letters and digits of a text, in order."""
    if text.isalnum() and text.isascii():  # one word, as most values are
        return (text[:LONGEST_FOLDED].upper(),)
    return tuple(_PARTS.findall(fold(text)))


def squeezed(text: str) -> str:
    """The folded letters and digits of a text, closed up."""
    return "".join(words(text))


def spaced(text: str | None) -> str | None:
    """The folded words with single spaces between; None where nothing is left."""
    return (" ".join(words(text)) or None) if text else None

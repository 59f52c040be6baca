r"""Recognition of texts that stand for no value, in any field.

Programs write such texts where a cell is empty or a formula failed. Sources: the error values of
spreadsheets (ECMA-376 part 1, section 18.17.3, and later ones of Excel); what pandas, Python, JavaScript and
SQL tools write for a missing value (``na_values`` of ``pandas.read_csv``; ``\N`` of PostgreSQL's COPY); the
label of empty cells in a pivot table, ``(blank)``.

Names decide by letter case where a word is also a name: ``nan`` is what pandas writes, Nan is a
given name; ``null`` is a database's, Null a last name. ``NA`` is a given name, ``N/A`` is none.
"""

import re
from functools import lru_cache

from mpi.standardize.text_folding import CACHE_SIZE, MAX_FOLDED_CHARACTERS

PLACEHOLDER_VALUE = "placeholder-value"
"""Quality code of a text that stands for no value, in any field but a name."""

_MARKER = re.compile(
    r"""\s*(?:
        \#+ | \#(?:N/A|NA|REF!|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|SPILL!|CALC!|ERROR!|FIELD!|BLOCKED!)
      | -?nan | NaN | NaT | none | null | nil | undefined | \\N
      | (?i:n\s*[/\\]\s*a | n\.a\.?)
      | [(\[<{](?i:blank|empty|missing|none|null|nil|nan|na|n/a|unknown|undefined|no\ (?:value|data))[)\]>}]
    )\s*\Z""",
    re.VERBOSE,
)
_LOST_DIGITS = re.compile(r"\s*[+-]?[0-9](?:[.,][0-9]+[Ee]\+?|[Ee]\+)[0-9]{1,3}\s*\Z")


@lru_cache(CACHE_SIZE)
def is_missing_marker(text: str) -> bool:
    """Return whether a program wrote a text in place of no value."""
    return _MARKER.match(text[:MAX_FOLDED_CHARACTERS]) is not None


def name_fault(text: str, fault: str) -> str:
    """Return the quality code of a text that cannot be used.

    Args:
        text: the text.
        fault: the code of a text that is meant as a value, such as ``invalid-phone``.
    """
    return PLACEHOLDER_VALUE if is_missing_marker(text) else fault


@lru_cache(CACHE_SIZE)
def has_lost_digits(text: str) -> bool:
    """Return whether a number stands in scientific notation, as ``1.23E+09``.

    A spreadsheet writes a long number so, and its last digits are gone: thousands of numbers become
    this one text. An ID such as ``4E12`` is not taken for one.
    """
    return _LOST_DIGITS.match(text) is not None

"""Recognition of rows that sum up a table, such as ``Total: 3,012``."""

import re
from collections.abc import Sequence

TOTALS_ROW = "totals-row"
"""Reason of a rejected row that is a total, and no record."""

_LABEL = re.compile(
    r"\s*(?:(?:grand|sub|report)[ -]?)?totals?\b(?:\s+[a-z]+){0,3}"
    r"(?:\s*(?:[:=]|of\b)?\s*[\d,.]*)\s*\Z"
    r"|\s*(?:(?:student|record|row|total|grand)s?\s+)?count\s*(?:[:=]\s*)?[\d,.]*\s*\Z"
    r"|\s*(?:end of (?:report|file)|\(?\d+ rows?(?: affected)?\)?|(?:records|rows)\s*[:=]?\s*[\d,]+)\s*\Z",
    re.IGNORECASE,
)
_FIRST_LETTERS = frozenset("tTgGsSrRcCeE(0123456789")
_LARGEST_SHARE = 0.5
_MIN_COLUMNS = 3
_LABEL_AND_FIGURE = 2


def is_totals_row(cells: Sequence[object]) -> bool:
    """Return whether a row sums up a table.

    Its first filled cell says so, and more than half of its cells are empty, so that a child of such a name
    is not taken for one.
    """
    filled = 0
    first: object = None
    for cell in cells:
        if cell is None or (isinstance(cell, str) and (not cell or cell.isspace())):
            continue
        if first is None:
            first = cell
            if not isinstance(cell, str) or cell.lstrip()[:1] not in _FIRST_LETTERS:
                return False
            if _LABEL.match(cell) is None:
                return False
        filled += 1
    if not isinstance(first, str):
        return False
    return filled <= _LABEL_AND_FIGURE or (
        len(cells) >= _MIN_COLUMNS and filled <= _LARGEST_SHARE * len(cells)
    )

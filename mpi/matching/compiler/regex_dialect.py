"""Regular expressions that match alike in every engine.

DuckDB uses RE2; Python and Spark have engines of their own. They differ in what is not listed here: named
classes, word boundaries, look-around, and what a dot or ``$`` does at the end of a line.
"""

import re

_ITEM = r"[A-Za-z0-9 @_,:;/#%&!='\"<>~`-]"
_CLASS = r"\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9 @_.,:/#%!='])+\]"
_REPETITION = r"(?:[?*+]|\{[0-9]{1,2}(?:,[0-9]{0,2})?\})?"
_PORTABLE_PATTERN = re.compile(rf"\^?(?:(?:{_ITEM}|{_CLASS}){_REPETITION})+")


def is_portable_pattern(pattern: str) -> bool:
    """Return whether a regular expression matches alike in every engine.

    A portable pattern is a sequence of letters, digits, some signs and classes of them, each with a
    repetition, and ``^`` only at the start.
    """
    if not _PORTABLE_PATTERN.fullmatch(pattern):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True

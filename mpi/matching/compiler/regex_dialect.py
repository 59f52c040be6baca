"""Regular expressions that mean the same to every engine that meets them.

DuckDB looks for them with RE2, Python and Spark with engines of their own, which differ in what is not listed
here: classes by name, word boundaries, look-around, what a dot or ``$`` does at the end of a line.
"""

import re

_ITEM = r"[A-Za-z0-9 @_,:;/#%&!='\"<>~`-]"
_CLASS = r"\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9 @_.,:/#%!='])+\]"
_REPETITION = r"(?:[?*+]|\{[0-9]{1,2}(?:,[0-9]{0,2})?\})?"
_PORTABLE_PATTERN = re.compile(rf"\^?(?:(?:{_ITEM}|{_CLASS}){_REPETITION})+")


def is_portable_pattern(pattern: str) -> bool:
    """Whether the first match of the pattern is the same text to RE2 and to Python.

    So it is of letters, digits, some signs and classes of them, each so many times, and ``^`` before all.
    """
    if not _PORTABLE_PATTERN.fullmatch(pattern):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True

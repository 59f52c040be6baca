"""TOML of bounded size, key length and depth.

Python's parser takes time and memory that grow with the square of the parts of a dotted key: 200 kB of
``a.a.a…`` take gigabytes, and each line below a heading of many parts takes as many steps. And deep nesting
ends in another error than that of a wrong text.
"""

import tomllib
from typing import Any

MAX_CHARACTERS = 2_000_000
"""Longest text; the largest file of settings so far has 90,000 characters."""
MAX_LINE_CHARACTERS = 4_000
"""Longest line."""
MAX_DOTS = 64
"""Most dots in a line, and so most parts of a dotted key; the files of settings so far have at most 9."""


def parse_toml(text: str) -> dict[str, Any]:
    """Return the values of a TOML text.

    Raises:
        tomllib.TOMLDecodeError: it is no TOML, or over a bound; the message says where.
    """
    if len(text) > MAX_CHARACTERS:
        raise tomllib.TOMLDecodeError(f"more than {MAX_CHARACTERS:,} characters")
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MAX_LINE_CHARACTERS:
            raise tomllib.TOMLDecodeError(f"line {number} has more than {MAX_LINE_CHARACTERS:,} characters")
        if line.count(".") > MAX_DOTS:
            raise tomllib.TOMLDecodeError(f"line {number} has more than {MAX_DOTS} dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("lists or tables are nested too deeply") from None

"""Python versions of the DuckDB functions that compiled conditions call.

DuckDB computes its string similarities with the C++ edition of rapidfuzz, so the Python edition of that
library gives equal numbers to the last bit; a test checks that.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from rapidfuzz.distance import DamerauLevenshtein, Jaro, JaroWinkler, Levenshtein

_EPOCH = date(1970, 1, 1).toordinal()
_SECONDS_A_DAY = 86_400
_ISO_LENGTH = 10


def have_common_item(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Return whether two lists share an item, as DuckDB's ``list_has_any``."""
    for item in left:  # noqa: SIM110 - a generator costs more than these lists of one to three
        if item in right:
            return True
    return False


def intersect_lists(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    """Return two lists' distinct common items, as DuckDB's ``list_intersect``."""
    return tuple(dict.fromkeys(item for item in left if item in right))


def compute_jaccard(left: str, right: str) -> float:
    """Return the Jaccard similarity of two texts' characters, as DuckDB's ``jaccard``."""
    left_characters, right_characters = set(left), set(right)
    return len(left_characters & right_characters) / len(left_characters | right_characters)


def extract_match(text: str, pattern: str) -> str:
    """Return a regular expression's first match, empty where there is none.

    As DuckDB's ``regexp_extract(text, pattern, 0)``.
    """
    match = re.search(pattern, text)
    return "" if match is None else match[0]


def find_least(*values: float | None) -> float | None:
    """Return the smallest value that is not missing, as DuckDB's ``least``."""
    return min((value for value in values if value is not None), default=None)


def find_greatest(*values: float | None) -> float | None:
    """Return the largest value that is not missing, as DuckDB's ``greatest``."""
    return max((value for value in values if value is not None), default=None)


def _make_list_function(
    choose: Callable[[Iterable[float]], float], function: Callable[[str, str], float]
) -> Callable[[Sequence[str], Sequence[str]], float]:
    """Make the maximum or minimum of a function over two lists' items."""

    def over_pairs(left: Sequence[str], right: Sequence[str]) -> float:
        return choose(function(left_item, right_item) for left_item in left for right_item in right)

    return over_pairs


@lru_cache(maxsize=32_768)
def to_epoch_seconds(text: str) -> int | None:
    """Return an ISO date's seconds since 1970; None for other text.

    As DuckDB's ``epoch(try_strptime(text, '%Y-%m-%d'))``.
    """
    if len(text) != _ISO_LENGTH:
        return None
    try:
        return (date.fromisoformat(text).toordinal() - _EPOCH) * _SECONDS_A_DAY
    except ValueError:
        return None


TEXT_PAIR_FUNCTIONS: dict[str, Callable[[str, str], Any]] = {
    "jaro_winkler": JaroWinkler.similarity,
    "jaro": Jaro.similarity,
    "levenshtein": Levenshtein.distance,
    "damerau_levenshtein": DamerauLevenshtein.distance,
    "jaccard": compute_jaccard,
}
"""Similarities and distances of two texts, by name."""
LIST_PAIR_FUNCTIONS = {
    f"{name}_{of}": _make_list_function(choose, function)
    for of, function in TEXT_PAIR_FUNCTIONS.items()
    for name, choose in (("max", max), ("min", min))
}
"""Maximum and minimum of each function over all pairs of two lists' items."""

NAMESPACE: dict[str, Callable[..., Any]] = {
    **TEXT_PAIR_FUNCTIONS,
    **LIST_PAIR_FUNCTIONS,
    "regexp_extract": extract_match,
    "least": find_least,
    "greatest": find_greatest,
    "share_any": have_common_item,
    "shared": intersect_lists,
    "date_epoch": to_epoch_seconds,
}
"""Global names of the generated code.

``mpi.matching.compiler.conditions`` writes these names.
"""

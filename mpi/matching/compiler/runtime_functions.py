"""The functions that compiled conditions call: DuckDB's, as Python has them.

DuckDB computes its string similarities with the C++ edition of rapidfuzz, so the Python edition of the same
library gives the same numbers to the last bit; a test holds the two together.
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


def share_any(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """``list_has_any``: whether the two lists have an element in common."""
    for item in left:  # noqa: SIM110 - a generator costs more than these lists of one to three
        if item in right:
            return True
    return False


def shared(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    """``list_intersect``: the distinct elements that both have."""
    return tuple(dict.fromkeys(item for item in left if item in right))


def jaccard(left: str, right: str) -> float:
    """``jaccard``: the distinct characters that both have, of those that either has."""
    mine, other = set(left), set(right)
    return len(mine & other) / len(mine | other)


def regexp_extract(text: str, pattern: str) -> str:
    """``regexp_extract(text, pattern, 0)``: the first match, empty where there is none."""
    found = re.search(pattern, text)
    return "" if found is None else found[0]


def least(*values: float | None) -> float | None:
    """``least``: the smallest of the values that are not missing."""
    return min((value for value in values if value is not None), default=None)


def greatest(*values: float | None) -> float | None:
    """``greatest``: the largest of the values that are not missing."""
    return max((value for value in values if value is not None), default=None)


def _over_pairs(
    choose: Callable[[Iterable[float]], float], function: Callable[[str, str], float]
) -> Callable[[Sequence[str], Sequence[str]], float]:
    """``list_max`` or ``list_min`` of a function over every pair of the items of two lists."""

    def over_pairs(left: Sequence[str], right: Sequence[str]) -> float:
        return choose(function(one, other) for one in left for other in right)

    return over_pairs


@lru_cache(maxsize=32_768)
def date_epoch(text: str) -> int | None:
    """``epoch(try_strptime(text, '%Y-%m-%d'))``: seconds since 1970, None if it is not a date."""
    if len(text) != _ISO_LENGTH:
        return None
    try:
        return (date.fromisoformat(text).toordinal() - _EPOCH) * _SECONDS_A_DAY
    except ValueError:
        return None


OF_TWO_TEXTS: dict[str, Callable[[str, str], Any]] = {
    "jaro_winkler": JaroWinkler.similarity,
    "jaro": Jaro.similarity,
    "levenshtein": Levenshtein.distance,
    "damerau_levenshtein": DamerauLevenshtein.distance,
    "jaccard": jaccard,
}
OF_TWO_LISTS = {
    f"{name}_{of}": _over_pairs(choose, function)
    for of, function in OF_TWO_TEXTS.items()
    for name, choose in (("max", max), ("min", min))
}
"""The most and the least of each of them over all pairs of the items of two lists."""

NAMESPACE: dict[str, Callable[..., Any]] = {
    **OF_TWO_TEXTS,
    **OF_TWO_LISTS,
    "regexp_extract": regexp_extract,
    "least": least,
    "greatest": greatest,
    "share_any": share_any,
    "shared": shared,
    "date_epoch": date_epoch,
}
"""What the generated code sees, by the names that ``mpi.matching.compiler.conditions`` writes."""

"""The functions that compiled conditions call: DuckDB's, as Python has them.

DuckDB computes its string similarities with the C++ edition of rapidfuzz, so the Python edition of the same
library gives the same numbers to the last bit; a test holds the two together.
"""

from collections.abc import Callable
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


@lru_cache(maxsize=32_768)
def date_epoch(text: str) -> int | None:
    """``epoch(try_strptime(text, '%Y-%m-%d'))``: seconds since 1970, None if it is not a date."""
    if len(text) != _ISO_LENGTH:
        return None
    try:
        return (date.fromisoformat(text).toordinal() - _EPOCH) * _SECONDS_A_DAY
    except ValueError:
        return None


NAMESPACE: dict[str, Callable[..., Any]] = {
    "jaro_winkler": JaroWinkler.similarity,
    "jaro": Jaro.similarity,
    "levenshtein": Levenshtein.distance,
    "damerau_levenshtein": DamerauLevenshtein.distance,
    "share_any": share_any,
    "shared": shared,
    "date_epoch": date_epoch,
}
"""What the generated code sees, by the names that ``mpi.matching.conditions`` writes."""

"""Block purging: keys that too many records hold bring no candidate pairs.

The rule is one function of the records that take part, the same online, in loads, on DuckDB and on Spark:
who came first makes no difference.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.int64]
NO_NUMBERS: Numbers = np.empty(0, np.int64)


def find_purged_keys(keys: Numbers, limit: int) -> Numbers:
    """Return the keys that occur more often than a limit, ascending.

    Args:
        keys: a key for each record that holds it.
        limit: most records of a key that brings pairs.
    """
    ascending = np.sort(keys)
    if len(ascending) <= limit:
        return NO_NUMBERS
    # A key occurs more often than the limit where it equals the key so many places before it.
    purged = ascending[limit:][ascending[limit:] == ascending[: len(ascending) - limit]]
    return purged[np.r_[True, purged[1:] != purged[:-1]]] if purged.size else NO_NUMBERS


def drop_purged_keys(keys: pa.Table, limit: int) -> pa.Table:
    """Return keys and records without the keys of purged blocks.

    Args:
        keys: ``key``, ``record_id`` (int64), each row once.
        limit: most records of a key that brings pairs.
    """
    return drop_keys(keys, find_purged_keys(keys["key"].to_numpy(), limit))


def drop_keys(keys: pa.Table, dropped: Numbers) -> pa.Table:
    """Return a table of keys and records without some keys.

    Args:
        keys: ``key``, ``record_id``.
        dropped: keys to leave out, ascending.
    """
    return keys.filter(~are_among(keys["key"].to_numpy(), dropped)) if dropped.size else keys


def are_among(numbers: Numbers, ascending: Numbers) -> npt.NDArray[np.bool_]:
    """Return which numbers occur in an ascending array."""
    if not ascending.size:
        return np.zeros(len(numbers), bool)
    places = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
    is_member: npt.NDArray[np.bool_] = ascending[places] == numbers
    return is_member

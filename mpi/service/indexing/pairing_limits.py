"""Memory limits of the search for candidate pairs."""

from functools import cache
from typing import NamedTuple

import duckdb

DUCKDB_MEMORY = "1500MB"
"""Memory of DuckDB before it spills; a load of a million stays under 4 GB."""
MAX_CACHED_RECORDS = 1_200_000
"""Most records whose features are cached, about 450 bytes each.

That is two fifths of DuckDB's memory. Joins need the rest: beyond it they would spill more and more.
"""
_MIN_BYTES = 1_500_000_000
_MEMORY_SHARE = "20%"


class PairingLimits(NamedTuple):
    """Memory limits of a ``PairScorer``, which finds and scores candidate pairs.

    Args:
        memory: memory of DuckDB before it spills, such as ``1500MB``.
        max_cached_records: most records whose features are cached.
    """

    memory: str = DUCKDB_MEMORY
    max_cached_records: int = MAX_CACHED_RECORDS


@cache
def limits_for_machine(share: str = _MEMORY_SHARE) -> PairingLimits:
    """Return pair-scoring memory limits for a long job, from machine memory.

    With millions of records, a small cache would read most features time and again.

    Args:
        share: share of the machine's memory, which DuckDB knows in a container too. Where it is less than
            ``DUCKDB_MEMORY``, the limits are the defaults.
    """
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{share}'")
        rows = connection.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchall()
    memory_bytes = max(rows[0][0], _MIN_BYTES)
    return PairingLimits(f"{memory_bytes // 1_000_000}MB", MAX_CACHED_RECORDS * memory_bytes // _MIN_BYTES)

"""Check and repair the blocking-key index against each record's own keys.

Blocking keys are stored twice: searches read the base table and segments, and each record stores its own
keys.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from mpi.matching.scoring.table_diff import diff_tables
from mpi.service.indexing.compaction import compact_all_segments
from mpi.service.recluster.run_state import RunContext
from mpi.storage.key_index.segment_arrays import IntArray
from mpi.storage.unit_of_work.units import ReadUnit

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Odd multiplier whose multiples are far apart.

Source: Knuth, The Art of Computer Programming, volume 3, 6.4.
"""
_FIRST, _SECOND = np.uint64(31), np.uint64(29)
_ROWS = pa.schema([(name, pa.int64()) for name in ("group_id", "key", "record_id")])

KeyRow = tuple[int, int, int]
"""Visibility group, key and record."""


def are_keys_consistent(unit: ReadUnit, config_id: int) -> bool:
    """Return whether the blocking-key index agrees with each record's own keys.

    Args:
        unit: the transaction.
        config_id: the configuration of the keys.
    """
    return _compute_digest(unit.keys.forward.iterate_rows(config_id)) == _compute_digest(
        unit.keys.iterate_searched_rows(config_id)
    )


def _compute_digest(pages: Iterable[IntArray]) -> tuple[int, int]:
    """Return count and order-independent checksum of (blocking key, record) rows."""
    row_count, checksum = 0, 0
    for page in pages:
        groups, keys, records = page.astype(np.uint64)
        mixed = (((groups * _MULTIPLIER) ^ keys) * _MULTIPLIER ^ records) * _MULTIPLIER
        mixed = (mixed ^ (mixed >> _FIRST)) * _MULTIPLIER
        row_count += len(keys)
        checksum = (checksum + int((mixed ^ (mixed >> _SECOND)).sum(dtype=np.uint64))) % 2**64
    return row_count, checksum


def repair_keys(context: RunContext, config_id: int) -> None:
    """Correct the blocking-key index where it contradicts records' own keys.

    Each transaction corrects a few rows.

    Args:
        context: the re-cluster run.
        config_id: the configuration of the keys.
    """
    compact_all_segments(context.index.database, context.viewer, context.pace)
    wrong_rows = context.compute(
        lambda unit: (
            []
            if are_keys_consistent(unit, config_id)
            else list(_find_wrong_rows(unit, config_id, context.index.home))
        )
    )
    for batch in context.pace.batches(wrong_rows):
        with batch.transaction() as unit:
            # Also correct for a record that changed since: ``correct`` keeps the keys that the record has.
            unit.keys.repair(config_id, batch.items)


def _find_wrong_rows(unit: ReadUnit, config_id: int, folder: Path) -> Iterator[KeyRow]:
    """Yield rows in which blocking-key index and records' own keys differ."""
    own_keys, searched = (
        _read_tables(unit.keys.forward.iterate_rows(config_id)),
        _read_tables(unit.keys.iterate_searched_rows(config_id)),
    )
    for row, _is_own in diff_tables(own_keys, searched, folder):
        yield row[0], row[1], row[2]


def _read_tables(pages: Iterable[IntArray]) -> Iterator[pa.Table]:
    """Convert pages of blocking-key rows to Arrow tables."""
    yield _ROWS.empty_table()
    for page in pages:
        yield pa.table(list(page), _ROWS)

"""Results of the notebook on a cell, with a cache."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training.evaluate.baseline import (
    NOTEBOOK_PROBABILITY,
    Clusters,
    connect_pairs,
    score_with_splink,
)
from training.evaluate.matrix.cells import Cell
from training.evaluate.measures.scores import PairCounts, count_pairs

OPERATIONAL_PRECISION = 0.998
_DIGITS = 4  # the notebook compares rounded precisions
_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Counts of pairs at one threshold of the notebook.

    Args:
        threshold: match probability.
        counts: counts of pairs.
    """

    threshold: float
    counts: PairCounts


@dataclass(frozen=True, slots=True)
class NotebookResult:
    """Operating points of the notebook on one cell.

    Args:
        at_95: at a match probability of 0.95.
        best: at the threshold with the best F1.
        at_precision: most recall with a precision of 0.998; None if no threshold has it.
        highest_precision: at the threshold with the highest precision.
        best_clusters: record ID to cluster at the best threshold.
        points: all operating points by threshold.
    """

    at_95: OperatingPoint
    best: OperatingPoint
    at_precision: OperatingPoint | None
    highest_precision: OperatingPoint
    best_clusters: Clusters = field(repr=False)
    points: tuple[OperatingPoint, ...] = field(repr=False)


def run_notebook(cell: Cell, table: pa.Table, truth: Mapping[int, int], cache: Path | None) -> NotebookResult:
    """Run the notebook on a cell, or read the cache.

    Args:
        cell: the cell, which names the cached file.
        table: ``unique_id`` and the columns that the notebook compares.
        truth: record ID to true person.
        cache: folder of scored pairs; None to keep none.
    """
    pairs = _score(cell, table, cache)
    clusters = connect_pairs(list(truth), pairs)
    points = tuple(
        OperatingPoint(threshold, count_pairs(groups, truth)) for threshold, groups in clusters.items()
    )
    best = max(points, key=lambda point: point.counts.f1)
    precise = [point for point in points if round(point.counts.precision, _DIGITS) >= OPERATIONAL_PRECISION]
    return NotebookResult(
        at_95=next(point for point in points if point.threshold == NOTEBOOK_PROBABILITY),
        best=best,
        at_precision=max(precise, key=lambda point: point.counts.recall, default=None),
        highest_precision=max(points, key=lambda point: (point.counts.precision, point.counts.recall)),
        best_clusters=clusters[best.threshold],
        points=points,
    )


def _score(cell: Cell, table: pa.Table, cache: Path | None) -> pa.Table:
    """Score the pairs of a cell, or read them from the cache."""
    if cache is None:
        return score_with_splink(table)
    path = cache / f"{cell.set_name}-{cell.subset}-{_digest(table)}.parquet"
    if path.exists():
        return pq.read_table(path)
    pairs = score_with_splink(table)
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")  # another run may score the same cell
    pq.write_table(pairs, partial, compression="zstd")
    partial.replace(path)
    return pairs


def _digest(table: pa.Table) -> str:
    """Return a digest of all values of a table."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for name in sorted(table.column_names):
        digest.update(name.encode())
        for value in table[name].to_pylist():
            digest.update(f"\x1f{value}".encode())
    return digest.hexdigest()

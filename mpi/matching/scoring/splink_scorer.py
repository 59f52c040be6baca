"""The batch scorer of a re-cluster: pairs sifted and weighed by Splink itself on DuckDB.

Splink does not chunk registered pairs, so we do.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from mpi.domain.features import Features
from mpi.domain.weight import HALF_WEIGHT_STEP, WEIGHT_DECIMALS
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.levels import Levels
from mpi.matching.model.model import MatchModel
from mpi.matching.scoring.batch import (
    ALL,
    PAIRS,
    PAIRS_A_CHUNK,
    WEIGHTS,
    Engine,
    connect,
    feature_batches,
    held_down,
)
from mpi.matching.scoring.feature_batches import declare, unpack
from mpi.matching.scoring.load_scorer import Place, Progress

SIFTED_FROM = 200_000
"""Pairs; of fewer a first pass would cost more than it spares."""


class _Wanted(NamedTuple):
    """What is wanted of scored pairs, in SQL, and its columns."""

    select: str
    schema: pa.Schema


_AT_ALL = _Wanted("unique_id_l AS lo, unique_id_r AS hi", PAIRS)
_WEIGHED = _Wanted(f"{_AT_ALL.select}, round(match_weight, {WEIGHT_DECIMALS}) AS bits", WEIGHTS)


def predict(
    model: MatchModel,
    records: Iterable[tuple[int, Features]],
    pairs: pa.Table,
    floor: float,
    place: Place,
) -> pa.Table:
    """Score pairs and keep those at or above a weight.

    Args:
        model: the frozen model.
        records: record id and features, of every record that ``pairs`` names.
        pairs: ``lo``, ``hi`` (int64 record ids), each pair once.
        floor: lowest weight to return, in bits.
        place: where and how.

    Returns:
        ``lo``, ``hi``, ``bits`` (rounded to 1e-6), each chunk in the order of its record ids.

    Raises:
        ModelError: the model cannot be scored.
    """
    with _features(model, place) as (connection, levels, columns):
        for batch in feature_batches(records, columns):
            connection.register("made", pa.Table.from_batches([batch]))
            connection.execute(f"INSERT INTO {ALL} FROM made")
            connection.unregister("made")
        return _predicted(connection, model, levels, columns, pairs, floor, place.progress)


def predict_packed(
    model: MatchModel, packed: Iterable[pa.RecordBatch], pairs: pa.Table, floor: float, place: Place
) -> pa.Table:
    """``predict`` for features as they are stored: DuckDB reads them, and no value becomes an object.

    Args:
        model: the frozen model.
        packed: in the schema PACKED, of every record that ``pairs`` names.
        pairs: as for ``predict``.
        floor: lowest weight to return, in bits.
        place: where and how.

    Raises:
        ModelError: the model cannot be scored.
    """
    with _features(model, place) as (connection, levels, columns):
        unpack(connection, ALL, packed, columns)
        return _predicted(connection, model, levels, columns, pairs, floor, place.progress)


@contextmanager
def _features(
    model: MatchModel, place: Place
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Levels, tuple[str, ...]]]:
    """A DuckDB with an empty table of features, and the model as read."""
    scorer = compile_scorer(model)  # refuses what online would, before hours of work
    with tempfile.TemporaryDirectory(prefix="scoring-", dir=place.folder) as spill:
        connection = connect(Path(spill), place.memory)
        try:
            declare(connection, ALL, scorer.columns)
            yield connection, scorer.levels, scorer.columns
        finally:
            connection.close()


def _predicted(
    connection: duckdb.DuckDBPyConnection,
    model: MatchModel,
    levels: Levels,
    columns: tuple[str, ...],
    pairs: pa.Table,
    floor: float,
    told: Progress | None,
) -> pa.Table:
    quick = _quick_settings(model.settings, levels)
    if quick is not None and pairs.num_rows >= SIFTED_FROM:
        first = Engine(quick, model.frequencies, connection)
        # Far below what a weight is rounded to, and far above what adding in another order makes.
        pairs = _chunk_by_chunk(first, pairs, _AT_ALL, floor - 2 * HALF_WEIGHT_STEP, told)
        told = None
    engine = Engine(model.settings, model.frequencies, connection)
    scored = _chunk_by_chunk(engine, pairs, _WEIGHED, floor - HALF_WEIGHT_STEP, told)
    return held_down(connection, scored, model.cautions, columns)


def _quick_settings(settings: Mapping[str, Any], levels: Levels) -> dict[str, Any] | None:
    """The settings without the comparisons that can only lower a weight; None where there is none.

    What is below the floor without them is below it with them. In a model that corrects for families these
    are the dearest, and most pairs that share a key are far below.
    """
    kept = [
        stated
        for stated, read in zip(settings["comparisons"], levels.comparisons, strict=True)
        if not read.only_lowers
    ]
    return {**settings, "comparisons": kept} if 0 < len(kept) < len(levels.comparisons) else None


def _chunk_by_chunk(
    engine: Engine, pairs: pa.Table, wanted: _Wanted, floor: float, told: Progress | None
) -> pa.Table:
    """What is wanted of the pairs from a floor up."""
    results = [wanted.schema.empty_table()]
    for start in range(0, pairs.num_rows, PAIRS_A_CHUNK):
        scored = engine.scored(pairs.slice(start, PAIRS_A_CHUNK), wanted.select, floor)
        results.append(scored.cast(wanted.schema))
        if told is not None:
            told(min(start + PAIRS_A_CHUNK, pairs.num_rows), pairs.num_rows)
    return pa.concat_tables(results)

"""Batch scorer of a re-cluster: Splink itself on DuckDB.

Splink does not chunk registered pairs, so this module does. A first pass drops pairs that cannot reach the
floor.
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
from mpi.matching.model.match_model import MatchModel
from mpi.matching.model.scoring_parameters import ScoringParameters
from mpi.matching.scoring.batch_scorer import PairProgress, ScoringResources
from mpi.matching.scoring.feature_batches import create_feature_table, insert_features
from mpi.matching.scoring.splink_engine import (
    FEATURE_TABLE,
    PAIR_SCHEMA,
    WEIGHT_SCHEMA,
    SplinkEngine,
    apply_cautions,
    connect_duckdb,
    make_feature_batches,
)


class _ResultColumns(NamedTuple):
    """Columns to return of scored pairs, in SQL and as a schema."""

    sql: str
    schema: pa.Schema


_PAIR_COLUMNS = _ResultColumns("unique_id_l AS lo, unique_id_r AS hi", PAIR_SCHEMA)
_WEIGHT_COLUMNS = _ResultColumns(
    f"{_PAIR_COLUMNS.sql}, round(match_weight, {WEIGHT_DECIMALS}) AS bits", WEIGHT_SCHEMA
)


def score_pairs(
    model: MatchModel,
    records: Iterable[tuple[int, Features]],
    pairs: pa.Table,
    floor: float,
    resources: ScoringResources,
) -> pa.Table:
    """Score pairs by Splink and keep those at or above a weight.

    Args:
        model: the frozen model.
        records: record id and features, of every record that ``pairs`` names.
        pairs: ``lo``, ``hi`` (int64 record ids), each pair once.
        floor: lowest weight to return, in bits.
        resources: folder, memory and progress callback.

    Returns:
        ``lo``, ``hi``, ``bits`` (rounded to 1e-6), each chunk in the order of its record ids.

    Raises:
        ModelError: the model cannot be scored.
    """
    with _open_feature_table(model, resources) as (connection, levels, columns):
        for batch in make_feature_batches(records, columns):
            connection.register("made", pa.Table.from_batches([batch]))
            connection.execute(f"INSERT INTO {FEATURE_TABLE} FROM made")
            connection.unregister("made")
        return _score_pairs(connection, model, levels, columns, pairs, floor, resources)


def score_stored_pairs(
    model: MatchModel,
    packed: Iterable[pa.RecordBatch],
    pairs: pa.Table,
    floor: float,
    resources: ScoringResources,
) -> pa.Table:
    """Score pairs by Splink, from stored features that DuckDB reads.

    Args:
        model: the frozen model.
        packed: stored features, in STORED_FEATURE_SCHEMA, of every record that ``pairs`` names.
        pairs: as for ``score_pairs``.
        floor: lowest weight to return, in bits.
        resources: folder, memory and progress callback.

    Raises:
        ModelError: the model cannot be scored.
    """
    with _open_feature_table(model, resources) as (connection, levels, columns):
        insert_features(connection, FEATURE_TABLE, packed, columns)
        return _score_pairs(connection, model, levels, columns, pairs, floor, resources)


@contextmanager
def _open_feature_table(
    model: MatchModel, resources: ScoringResources
) -> Iterator[tuple[duckdb.DuckDBPyConnection, ScoringParameters, tuple[str, ...]]]:
    """Open a DuckDB with an empty table of features for a model."""
    scorer = compile_scorer(model)  # refuses what online would, before hours of work
    with tempfile.TemporaryDirectory(prefix="scoring-", dir=resources.folder) as spill:
        connection = connect_duckdb(Path(spill), resources.memory)
        try:
            create_feature_table(connection, FEATURE_TABLE, scorer.columns)
            yield connection, scorer.parameters, scorer.columns
        finally:
            connection.close()


def _score_pairs(
    connection: duckdb.DuckDBPyConnection,
    model: MatchModel,
    parameters: ScoringParameters,
    columns: tuple[str, ...],
    pairs: pa.Table,
    floor: float,
    resources: ScoringResources,
) -> pa.Table:
    """Score record pairs with Splink and penalize weak evidence.

    If there are many pairs, a first pass with fewer comparisons drops those that cannot reach the floor.
    """
    progress, tuning = resources.progress, resources.tuning
    prefilter_settings = _make_prefilter_settings(model.settings, parameters)
    if prefilter_settings is not None and pairs.num_rows >= tuning.prefilter_pairs:
        prefilter = SplinkEngine(prefilter_settings, model.frequencies, connection)
        # Far below what a weight is rounded to, and far above what adding in another order makes.
        pairs = _score_chunks(
            prefilter, pairs, _PAIR_COLUMNS, floor - 2 * HALF_WEIGHT_STEP, progress, tuning.chunk_pairs
        )
        progress = None
    engine = SplinkEngine(model.settings, model.frequencies, connection)
    scored = _score_chunks(
        engine, pairs, _WEIGHT_COLUMNS, floor - HALF_WEIGHT_STEP, progress, tuning.chunk_pairs
    )
    return apply_cautions(connection, scored, model.cautions, columns)


def _make_prefilter_settings(
    settings: Mapping[str, Any], parameters: ScoringParameters
) -> dict[str, Any] | None:
    """Return Splink settings without comparisons that can only lower a weight.

    A pair that is below the floor without them is below it with them. In a model that corrects for families
    these are the slowest, and most pairs that share a key are far below.

    Returns:
        None where the model has no such comparison.
    """
    raising_comparisons = [
        comparison
        for comparison, parsed in zip(settings["comparisons"], parameters.comparisons, strict=True)
        if not parsed.only_lowers
    ]
    return (
        {**settings, "comparisons": raising_comparisons}
        if 0 < len(raising_comparisons) < len(parameters.comparisons)
        else None
    )


def _score_chunks(
    engine: SplinkEngine,
    pairs: pa.Table,
    result_columns: _ResultColumns,
    floor: float,
    progress: PairProgress | None,
    chunk_pairs: int,
) -> pa.Table:
    """Score record pairs in chunks; return those at or above a floor."""
    results = [result_columns.schema.empty_table()]
    for start in range(0, pairs.num_rows, chunk_pairs):
        scored = engine.score(pairs.slice(start, chunk_pairs), result_columns.sql, floor)
        results.append(scored.cast(result_columns.schema))
        if progress is not None:
            progress(min(start + chunk_pairs, pairs.num_rows), pairs.num_rows)
    return pa.concat_tables(results)

"""Law 5 on Spark: the same candidate pairs, levels, weights and partition as DuckDB and the online scorer.

Real Spark in local mode. It needs Java 17, and says so where there is none.
"""

import os
import random
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from mpi.bootstrap import batch_engine
from mpi.config import Settings
from mpi.domain.errors import EngineError, InputError, ModelError
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.batch import PAIRS, candidate_pairs, feature_table
from mpi.matching.conditions import NotCompilableError
from mpi.matching.engines import DUCKDB
from mpi.matching.keys import keys
from mpi.matching.model import find_model, load_model
from mpi.matching.scorer import compile_scorer
from mpi.matching.spark import functions
from mpi.matching.spark.conditions import spark_condition, spark_settings
from mpi.matching.spark.engine import SparkEngine
from mpi.matching.spark.scoring import SparkScorer
from mpi.matching.spark.scoring import candidate_pairs as spark_candidate_pairs
from mpi.matching.spark.session import spark_session
from mpi.service.reindex import silent
from tests.unit.matching.pairs import records
from tests.unit.matching.test_one_score import model_of, notebook_model, splink_scores

MASTER = "local[2]"
MEMORY = "1g"
SEAL = KeyedHash(b"s" * 32)
PAIRS_TO_PROVE = int(os.environ.get("MPI_SPARK_PAIRS", "20000"))
"""``scripts/prove-spark`` proves ten times as many."""


@contextmanager
def a_session(folder: Path):
    folder.mkdir(mode=0o700)
    with spark_session(MASTER, MEMORY, folder) as session:
        session.sparkContext.setCheckpointDir(str(folder / "checkpoints"))
        yield session


def written(session, folder: Path, name: str, table: pa.Table):
    parquet.write_table(table, folder / name)
    return session.read.parquet(str(folder / name))


def both_orders(count: int, made: int, seed: int) -> pa.Table:
    """Near pairs and random ones, as many as asked for, each of them in both orders."""
    rng = random.Random(seed)
    pairs = {(2 * n, 2 * n + 1) for n in range(made // 2)}
    while len(pairs) < count:
        pairs.add(tuple(sorted(rng.sample(range(made), 2))))
    ordered = [order for pair in sorted(pairs) for order in (pair, pair[::-1])]
    return pa.table({"lo": [a for a, _ in ordered], "hi": [b for _, b in ordered]}, schema=PAIRS)


def spark_scores(session, folder, model, made, pairs):
    """Spark's levels and weights by pair."""
    scorer = compile_scorer(model)
    features = written(session, folder, "features", feature_table(made, scorer.columns))
    blocked = written(session, folder, "pairs", pairs)
    told = SparkScorer(model.settings, model.frequencies, session, features, detailed=True).scored(blocked)
    gammas = [f"gamma_{comparison.name.replace(' ', '_')}" for comparison in scorer.levels.comparisons]
    table = told.select("lo", "hi", "match_weight", *gammas).toArrow()
    return {(row[0], row[1]): (row[2], row[3:]) for row in zip(*table.to_pydict().values(), strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize(("which", "count"), [("default", PAIRS_TO_PROVE), ("notebook", 4000)])
def test_online_duckdb_and_spark_give_the_same_levels_and_weights_in_both_orders(tmp_path, which, count):
    model = load_model(find_model()) if which == "default" else notebook_model()
    made = records(count * 2 // 3, 7)
    pairs = both_orders(count, len(made), 7)
    with a_session(tmp_path / "spark") as session:
        on_spark = spark_scores(session, tmp_path / "spark", model, made, pairs)
    on_duckdb = splink_scores(model, made, pairs, tmp_path)
    features, scorer = dict(made), compile_scorer(model)
    assert on_spark.keys() == on_duckdb.keys()
    assert len(on_spark) == 2 * count
    seen = set()
    for (left, right), (bits, levels) in on_spark.items():
        online, online_levels, _ = scorer._compare(features[left], features[right])
        assert levels == online_levels == on_duckdb[left, right][1] == on_spark[right, left][1]
        assert bits == pytest.approx(online, abs=1e-6)
        assert bits == pytest.approx(on_duckdb[left, right][0], abs=1e-6)
        seen.update(enumerate(levels))
    assert len(seen) > 25, "the pairs must reach most levels to prove anything"


def keys_of(made, model) -> pa.Table:
    rows = [(key, number) for number, each in made for key in keys(each, model.blocking, SEAL)]
    return pa.table({"key": [key for key, _ in rows], "record_id": [number for _, number in rows]})


def as_pairs(table: pa.Table) -> list[tuple[int, int]]:
    return sorted(zip(table["lo"].to_pylist(), table["hi"].to_pylist(), strict=True))


@pytest.mark.slow
def test_candidate_pairs_are_those_of_duckdb(tmp_path):
    blocks = keys_of(records(2000, 5), load_model(find_model()))
    with a_session(tmp_path / "spark") as session:
        found = spark_candidate_pairs(written(session, tmp_path / "spark", "keys", blocks)).toArrow()
    assert as_pairs(found) == as_pairs(candidate_pairs(blocks))
    assert found.num_rows > 2000


@pytest.mark.slow
def test_the_engine_gives_the_weights_that_duckdb_gives_cautions_held_and_leaves_nothing_behind(tmp_path):
    model = load_model(find_model())
    made = records(1500, 3)
    blocks, floor = keys_of(made, model), model.thresholds.stored_from
    expected = DUCKDB.weights(model, made, blocks, floor, tmp_path, silent)
    modes = []

    def watch(_step: str, _done: int, _total: int) -> None:
        modes.extend(stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir())

    found = SparkEngine(MASTER, MEMORY).weights(model, made, blocks, floor, tmp_path, watch)
    assert found.schema == expected.schema
    wanted = dict(
        zip(
            as_pairs(expected),
            expected.sort_by([("lo", "ascending"), ("hi", "ascending")])["bits"].to_pylist(),
            strict=True,
        )
    )
    given = dict(
        zip(
            as_pairs(found),
            found.sort_by([("lo", "ascending"), ("hi", "ascending")])["bits"].to_pylist(),
            strict=True,
        )
    )
    assert given.keys() == wanted.keys()
    assert all(given[pair] == pytest.approx(bits, abs=1.5e-6) for pair, bits in wanted.items())
    assert model.cautions.bits in given.values(), "the pairs must reach a caution to prove that it holds"
    assert set(modes) == {0o700}
    assert list(tmp_path.iterdir()) == []

"""Spark gives the candidate pairs, levels, weights and partition of DuckDB (law 5).

These tests run real Spark in local mode. It needs Java 17, and says so where there is none.
"""

import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from splink import comparison_library as library

from mpi.composition.batch_engine import create_batch_engine
from mpi.composition.models import open_matcher
from mpi.config import Settings
from mpi.domain.errors import EngineError, InputError, ModelError
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.compiler.sql_functions import NotCompilableError
from mpi.matching.model.blocking_keys import compute_keys
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.matching.scoring.engines import DUCKDB_ENGINE
from mpi.matching.scoring.feature_batches import batch_stored_features
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA, find_all_candidate_pairs, make_feature_table
from mpi.matching.spark import functions
from mpi.matching.spark.conditions import to_spark_condition, to_spark_settings
from mpi.matching.spark.engine import SparkEngine
from mpi.matching.spark.scoring import SparkScorer, apply_cautions
from mpi.matching.spark.scoring import find_candidate_pairs as spark_candidate_pairs
from mpi.matching.spark.session import open_session
from mpi.service.indexing.reindex import ignore_progress
from mpi.service.recluster.recluster_plan import recluster
from mpi.standardize.serialization import features_to_bytes
from tests.index import OPERATOR, load_rows, make_child, open_test_index, partition_of
from tests.models import tiny_model
from tests.unit.matching.random_features import random_records
from tests.unit.matching.test_scorer_equality import (
    library_model,
    model_of,
    notebook_model,
    splink_scores,
    weigh_by_query,
)

MASTER = "local[2]"
MEMORY = "1g"
SEAL = KeyedHash(b"s" * 32)
PAIRS_TO_PROVE = int(os.environ.get("MPI_SPARK_PAIRS", "20000"))
"""Number of pairs to compare; ``scripts/prove-spark`` compares ten times as many."""


@pytest.fixture(autouse=True)
def fast_java(monkeypatch):
    """Limit Java's compilation, which halves the time of these short tests."""
    if "MPI_SPARK_PAIRS" not in os.environ:
        monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


@contextmanager
def open_spark(folder: Path):
    folder.mkdir(mode=0o700)
    with open_session(MASTER, MEMORY, folder) as session:
        session.sparkContext.setCheckpointDir(str(folder / "checkpoints"))
        yield session


def write_and_read(session, folder: Path, name: str, table: pa.Table):
    parquet.write_table(table, folder / name)
    return session.read.parquet(str(folder / name))


def pairs_in_both_orders(count: int, record_count: int, seed: int) -> pa.Table:
    """Return near and random pairs, each of them in both orders."""
    rng = random.Random(seed)
    pairs = {(2 * n, 2 * n + 1) for n in range(record_count // 2)}
    while len(pairs) < count:
        pairs.add(tuple(sorted(rng.sample(range(record_count), 2))))
    ordered = [order for pair in sorted(pairs) for order in (pair, pair[::-1])]
    return pa.table({"lo": [a for a, _ in ordered], "hi": [b for _, b in ordered]}, schema=PAIR_SCHEMA)


def spark_scores(session, folder, model, numbered, pairs):
    """Return Spark's levels and weights by pair, and the weights as limited by cautions."""
    scorer = compile_scorer(model)
    features = write_and_read(session, folder, "features", make_feature_table(numbered, scorer.columns))
    blocked = write_and_read(session, folder, "pairs", pairs)
    scored = SparkScorer(model.settings, model.frequencies, session, features, detailed=True).score(blocked)
    gammas = [f"gamma_{comparison.name.replace(' ', '_')}" for comparison in scorer.parameters.comparisons]
    table = scored.select("lo", "hi", "match_weight", *gammas).toArrow()
    limited = apply_cautions(
        scored.select("lo", "hi", "bits"), features, model.cautions, scorer.columns
    ).toArrow()
    scores = {(row[0], row[1]): (row[2], row[3:]) for row in zip(*table.to_pydict().values(), strict=True)}
    return scores, {(row[0], row[1]): row[2] for row in zip(*limited.to_pydict().values(), strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("which", "count"), [("default", PAIRS_TO_PROVE), ("notebook", 4000), ("library", 4000)]
)
def test_online_duckdb_and_spark_give_equal_levels_and_weights_in_both_orders(tmp_path, which, count):
    model_makers = {"notebook": notebook_model, "library": library_model}
    model = load_model(find_model_folder()) if which == "default" else model_makers[which]()
    numbered = random_records(count * 2 // 3, 7)
    pairs = pairs_in_both_orders(count, len(numbered), 7)
    with open_spark(tmp_path / "spark") as session:
        on_spark, limited = spark_scores(session, tmp_path / "spark", model, numbered, pairs)
    on_duckdb = splink_scores(model, numbered, pairs, tmp_path)
    load_table = weigh_by_query(model, numbered, pairs, -1000.0, tmp_path)
    by_load = {row[:2]: row[2] for row in zip(*load_table.to_pydict().values(), strict=True)}
    features, scorer = dict(numbered), compile_scorer(model)
    assert on_spark.keys() == on_duckdb.keys() == limited.keys() == by_load.keys()
    assert len(on_spark) == 2 * count
    levels_reached = set()
    for (left, right), (bits, levels) in on_spark.items():
        online, online_levels, _ = scorer._compare(features[left], features[right])
        assert levels == online_levels == on_duckdb[left, right][1] == on_spark[right, left][1]
        assert bits == pytest.approx(online, abs=1e-6)
        assert bits == pytest.approx(on_duckdb[left, right][0], abs=1e-6)
        weight = scorer.weigh(features[left], features[right])
        assert limited[left, right] == pytest.approx(weight, abs=1.5e-6)
        assert by_load[left, right] == pytest.approx(weight, abs=1.5e-6)
        levels_reached.update(enumerate(levels))
    assert len(levels_reached) > 25, "the pairs must reach most levels to prove anything"
    lowered_count = sum(limited[pair] < round(bits, 6) for pair, (bits, _) in on_spark.items())
    assert (lowered_count > 0) == bool(model.cautions.when), "the pairs must reach a caution"


def keys_table(features, model) -> pa.Table:
    rows = [
        (key, number)
        for number, record_features in features
        for key in compute_keys(record_features, model.blocking, SEAL)
    ]
    return pa.table({"key": [key for key, _ in rows], "record_id": [number for _, number in rows]})


def stored_batches(features):
    return batch_stored_features(
        (number, features_to_bytes(record_features)) for number, record_features in features
    )


def to_pair_list(table: pa.Table) -> list[tuple[int, int]]:
    return sorted(zip(table["lo"].to_pylist(), table["hi"].to_pylist(), strict=True))


@pytest.mark.slow
def test_candidate_pairs_equal_those_of_duckdb(tmp_path):
    blocks = keys_table(random_records(2000, 5), load_model(find_model_folder()))
    with open_spark(tmp_path / "spark") as session:
        pairs = spark_candidate_pairs(write_and_read(session, tmp_path / "spark", "keys", blocks)).toArrow()
    assert to_pair_list(pairs) == to_pair_list(find_all_candidate_pairs(blocks))
    assert pairs.num_rows > 2000


@pytest.mark.slow
def test_the_spark_engine_gives_duckdbs_weights_with_cautions_and_leaves_nothing_behind(tmp_path):
    cautious = Cautions(
        5.5,
        {"the sex is not the same": "sex_l <> sex_r", "the given name is not the same": "given_l <> given_r"},
        until={"the sex is not the same": 9.0},
    )
    model = replace(load_model(tiny_model(tmp_path / "model")), cautions=cautious)
    tmp_path = tmp_path / "home"
    tmp_path.mkdir()
    numbered = random_records(1500, 3)
    blocks, floor = keys_table(numbered, model), model.thresholds.storage_floor
    expected = DUCKDB_ENGINE.weigh_pairs(
        model, stored_batches(numbered), blocks, floor, tmp_path, ignore_progress
    )
    modes = []

    def watch(_step: str, _done: int, _total: int) -> None:
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir())

    actual = SparkEngine(MASTER, MEMORY).weigh_pairs(
        model, stored_batches(numbered), blocks, floor, tmp_path, watch
    )
    assert actual.schema == expected.schema
    expected_weights = dict(
        zip(
            to_pair_list(expected),
            expected.sort_by([("lo", "ascending"), ("hi", "ascending")])["bits"].to_pylist(),
            strict=True,
        )
    )
    actual_weights = dict(
        zip(
            to_pair_list(actual),
            actual.sort_by([("lo", "ascending"), ("hi", "ascending")])["bits"].to_pylist(),
            strict=True,
        )
    )
    assert actual_weights.keys() == expected_weights.keys()
    assert all(
        actual_weights[pair] == pytest.approx(bits, abs=1.5e-6) for pair, bits in expected_weights.items()
    )
    assert model.cautions.bits in actual_weights.values(), (
        "the pairs must reach a caution to prove that it holds"
    )
    assert set(modes) == {0o700}
    assert list(tmp_path.iterdir()) == []


def family(number: int) -> list[dict[str, object]]:
    """Return two siblings with two records each: the second with a typo or a new last name."""
    rng = random.Random(number)
    surname = "".join(rng.choice("abcdefghilmnorstu") for _ in range(7))
    birth_date, home = f"20{10 + number % 9}-0{1 + number % 8}-1{number % 9}", str(43000 + number % 50)
    children = []
    for child_number in range(2):
        given_name = "".join(rng.choice("aeiouéñklmnrst") for _ in range(6))
        record = make_child(
            f"{number}-{child_number}",
            first_name=given_name,
            last_name=surname,
            birth_date=birth_date,
            postal_code=home,
        )
        second_record = {
            **record,
            "local_id": f"{number}-{child_number}b",
            "first_name": given_name[:-1] + rng.choice("aéx"),
        }
        children += [record, second_record if number % 3 else {**second_record, "last_name": surname + "es"}]
    return children


@pytest.mark.slow
def test_a_recluster_on_spark_gives_duckdbs_partition(tmp_path):
    children = [record for number in range(60) for record in family(number)]
    partitions = {}
    for name, engine in (("duckdb", DUCKDB_ENGINE), ("spark", SparkEngine(MASTER, MEMORY))):
        with open_test_index(tmp_path / name, "sis", "ccwis", secret="5" * 64) as index:
            load_rows(index, "sis", *children[::2])
            load_rows(index, "ccwis", *children[1::2])
            looser = open_matcher(str(tiny_model(tmp_path / name / "looser", version="2", link=6.0)))
            plan = recluster(index, OPERATOR, looser, apply=True, engine=engine)
            partitions[name] = partition_of(index)
            second_plan = recluster(
                replace(index, matcher=looser), OPERATOR, looser, apply=False, engine=engine
            )
            assert plan.merge > 10, "the model must change something to prove anything"
            assert second_plan.is_empty
    assert partitions["spark"] == partitions["duckdb"]


def environment(home: Path, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MPI_")}
    return inherited | {"MPI_HOME": str(home), "MPI_SPARK_MEMORY": MEMORY, **more}


@pytest.mark.slow
def test_the_command_uses_the_configured_master_and_prints_no_spark_output(tmp_path):
    with open_test_index(tmp_path / "home", "sis") as index:
        load_rows(index, "sis", *family(1), *family(2))
    process = subprocess.run(
        [sys.executable, "-m", "mpi", "recluster", "--engine", "spark", "--json"],
        env=environment(tmp_path / "home", MPI_SPARK_MASTER=MASTER),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["records"] == 8
    assert process.stderr == ""


@pytest.mark.slow
def test_an_interrupt_stops_spark_keeps_nothing_and_is_reported(tmp_path):
    home = tmp_path / "home"
    with open_test_index(home, "sis") as index:
        load_rows(index, "sis", *family(1), *family(2))
    files_before = {path.name for path in home.iterdir()}
    process = subprocess.Popen(
        [sys.executable, "-m", "mpi", "recluster", "--engine", "spark", "--master", MASTER, "--apply"],
        env=environment(home),
        # Tests may run where Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 240
        while not list(home.glob("spark-*/mpi-*/checkpoints")):  # Spark has started
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error_text = process.communicate(timeout=240)
    finally:
        process.kill()
    assert (process.returncode, error_text) == (
        130,
        "mpi: interrupted: what was kept is whole: run it again to go on\n",
    )
    assert {path.name for path in home.iterdir()} - files_before <= {
        f"{name}-{kind}" for name in ("mpi.db", "mpi-ledger.db") for kind in ("wal", "shm")
    }


@pytest.mark.slow
def test_a_worker_with_other_string_functions_is_refused_in_one_line_without_a_value(tmp_path, monkeypatch):
    model = notebook_model()
    features = random_records(20, 1)
    call, _returns = functions.FUNCTIONS["jaro_winkler"]
    monkeypatch.setattr(call.__closure__[0].cell_contents, "edition", "0.0.1")
    with pytest.raises(EngineError) as refusal:
        SparkEngine(MASTER, MEMORY).weigh_pairs(
            model, stored_batches(features), keys_table(features, model), 0.0, tmp_path, ignore_progress
        )
    message = str(refusal.value)
    assert "this worker has rapidfuzz" in message
    assert "the index 0.0.1" in message
    assert "\n" not in message
    log_file = tmp_path / "spark.log"
    assert message.endswith(f"its log is {log_file}")
    assert stat.S_IMODE(log_file.stat().st_mode) == 0o600


def test_without_the_extra_the_command_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(EngineError, match=r"pip install '.\[spark\]'"):
        with open_session(MASTER, MEMORY, tmp_path):
            pass


def test_without_java_the_error_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError, match="openjdk-17-jre-headless"):
        with open_session(MASTER, MEMORY, tmp_path):
            pass


def test_a_master_is_required_and_a_cluster_needs_a_shared_folder(tmp_path):
    settings = Settings(home=tmp_path, spark_master=None, spark_staging=None)
    with pytest.raises(InputError, match="MPI_SPARK_MASTER"):
        create_batch_engine(settings, None, spark=True)
    with pytest.raises(EngineError, match="MPI_SPARK_STAGING"):
        create_batch_engine(settings, "spark://cluster:7077", spark=True)
    shared = settings.model_copy(update={"spark_staging": str(tmp_path)})
    assert create_batch_engine(shared, "spark://cluster:7077", spark=True) == SparkEngine(
        "spark://cluster:7077", "2g", str(tmp_path)
    )
    assert create_batch_engine(settings, None, spark=False) is DUCKDB_ENGINE


def test_spark_is_not_imported_before_it_is_used():
    code = (
        "import mpi.cli.commands.matching.recluster, mpi.matching.spark.engine, sys; "
        "print('pyspark' in sys.modules)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "False\n"


@pytest.mark.parametrize(
    ("duckdb", "spark"),
    [
        ("given_l = given_r IS NOT TRUE", "NOT ((given_l = given_r) IS TRUE)"),
        ("jaro_similarity(given_l, given_r) >= 0.5", "MPI_JARO(given_l, given_r) >= CAST(0.5 AS DOUBLE)"),
        ("length(given_l) = 1", "LENGTH(given_l) = 1"),
        (
            "length(list_intersect(phones_l, phones_r)) > 1",
            "ARRAY_SIZE(ARRAY_INTERSECT(phones_l, phones_r)) > 1",
        ),
        ("epoch(try_strptime(birth_date_l, '%Y-%m-%d')) > 0", "MPI_DATE_EPOCH(birth_date_l) > 0"),
        ("birth_place_l = 'O''Neil\\é'", "birth_place_l = 'O\\'Neil\\\\é'"),
    ],
)
def test_a_condition_is_written_in_spark_sql_with_our_functions_and_brackets(duckdb, spark):
    assert to_spark_condition(duckdb) == spark


def test_a_condition_without_an_exact_translation_is_refused_by_name():
    with pytest.raises(NotCompilableError, match="SOUNDEX"):
        to_spark_condition("soundex(given_l) = soundex(given_r)")
    with pytest.raises(ModelError, match="lat_long"):
        to_spark_settings(model_of(library.DistanceInKMAtThresholds("lat", "long", [1])).settings)

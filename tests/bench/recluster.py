"""Re-cluster of a whole index compared with Splink's predict and clustering on the same pairs."""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from splink import DuckDBAPI, Linker

from mpi.domain.viewer import make_operator
from mpi.matching.scoring.splink_engine import _register_frequencies, connect_duckdb, find_all_candidate_pairs
from tests.bench.simulated_index import BenchIndex
from tests.bench.splink_search import feature_table_of


def measure(bench_index: BenchIndex) -> dict[str, object]:
    """Return seconds of both, and peak memory of ours."""
    printed, seconds, peak = bench_index.run("recluster", "--dry-run", "--json")
    plan = json.loads(printed)
    splink = _splink(bench_index)
    return {
        "mpi_s": round(seconds, 1),
        "mpi_peak_mb": peak,
        "moved": plan["moved"],
        "records": plan["records"],
        "splink_predict_and_cluster_s": round(splink, 1),
        "ratio": round(seconds / splink, 2),
    }


def _splink(bench_index: BenchIndex) -> float:
    """Return the seconds that Splink takes from stored features and keys to clusters."""
    with bench_index.open() as index:
        model, columns = index.matcher.model, index.matcher.scorer.columns
        table = feature_table_of(index, columns)
        with index.database.read(make_operator()) as unit:
            pages = list(unit.keys.forward.iterate_rows(index.config_id(unit)))
    keys = pa.table(
        {
            "key": np.concatenate([own for _, own, _ in pages]),
            "record_id": np.concatenate([records for _, _, records in pages]),
        }
    )
    with tempfile.TemporaryDirectory() as spill:
        connection = connect_duckdb(Path(spill))
        connection.register("feature_table", table)
        began = time.perf_counter()
        pairs = find_all_candidate_pairs(keys)
        connection.register("pairs", pairs)
        connection.execute(
            "CREATE TABLE blocked AS SELECT '0' AS match_key, lo AS join_key_l, hi AS join_key_r FROM pairs"
        )
        api = DuckDBAPI(connection)
        records = api.register("feature_table", dataset_display_name="records")
        settings = {
            **model.settings,
            "retain_matching_columns": False,
            "retain_intermediate_calculation_columns": False,
            "additional_columns_to_retain": [],
            "blocking_rules_to_generate_predictions": [],
        }
        linker = Linker(records, settings, log_level=None, validate_settings=False)
        _register_frequencies(linker, api, model.frequencies)
        blocked = api.register("blocked", dataset_display_name="blocked")
        linker.table_management.register_blocked_pairs_for_predict(blocked)
        scored = linker.inference.predict(threshold_match_weight=0.0, warning_mode="never")
        linker.clustering.cluster_pairwise_predictions_at_threshold(
            scored, threshold_match_weight=model.thresholds.link
        )
        seconds = time.perf_counter() - began
        connection.close()
    return seconds

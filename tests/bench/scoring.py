"""Compiled scorer compared with Splink, on the same records and the same model."""

import random
import statistics
import time
from typing import Any

from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from tests.bench.simulated_index import BenchIndex
from tests.bench.splink_search import open_splink_search

SPLINK_CALLS = 10


def measure(bench_index: BenchIndex) -> dict[str, object]:
    """Time the scoring of a pair and a search, in this process."""
    with bench_index.open() as index:
        features, pairs = sample_pairs(index)
        return {"pair": _time_pairs(index, features, pairs), "splink": _time_splink(index, features, pairs)}


def sample_pairs(index: Index) -> tuple[dict[int, Any], list[tuple[int, int]]]:
    """Return candidate pairs that share an edge, with their features."""
    with index.database.read(make_operator()) as unit:
        config = index.config_id(unit)
        numbers = sorted(unit.records.active_canonical_keys())
        sampled = random.Random(1).sample(numbers, min(20_000, len(numbers)))
        edges = unit.derived_data.edges_of(config, sampled, index.matcher.model.thresholds.storage_floor)
        pairs = sorted(edges)[:20_000]
        features = load_features(unit, config, {end for pair in pairs for end in pair})
    return features, pairs


def _time_pairs(index: Index, features: dict[int, Any], pairs: list[tuple[int, int]]) -> dict[str, float]:
    weight = index.matcher.scorer.weigh
    durations = []
    for lo, hi in pairs:
        left, right = features[lo], features[hi]
        began = time.perf_counter_ns()
        weight(left, right)
        durations.append((time.perf_counter_ns() - began) / 1000)
    return {
        "p50_us": round(statistics.median(durations), 2),
        "mean_us": round(statistics.fmean(durations), 2),
    }


def _time_splink(index: Index, features: dict[int, Any], pairs: list[tuple[int, int]]) -> dict[str, float]:
    """Time Splink's ``predict_between`` of one record with the index and ``score_pair`` of one pair."""
    with open_splink_search(index) as splink:
        durations = [
            (splink.predict_between(features[lo]), splink.score_pair(features[lo], features[hi]))
            for lo, hi in pairs[:SPLINK_CALLS]
        ]
    searches, scores = zip(*durations, strict=True)
    return {
        "predict_between_p50_ms": round(statistics.median(searches), 1),
        "score_pair_p50_ms": round(statistics.median(scores), 1),
    }

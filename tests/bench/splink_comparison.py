"""A resolve over HTTP compared with a Splink search for one record, in turn.

The two alternate, because the speed of a machine may change by a quarter within minutes.
"""

import itertools
import statistics
from pathlib import Path

from tests.bench.http_client import HttpClient, time_calls
from tests.bench.online import resolves, wait_for_compaction
from tests.bench.scoring import sample_pairs
from tests.bench.simulated_index import BenchIndex, serving
from tests.bench.splink_search import open_splink_search

ROUNDS = 10
RESOLVE_COUNT = 1_200
"""Resolves in all; fewer where the state is smaller. Those of two rounds warm the server up."""
SEARCHES_PER_ROUND = 3


def measure(bench_index: BenchIndex, state: Path, fresh: Path, workers: int) -> dict[str, object]:
    """Some resolves and some searches, ten times in turn.

    Args:
        bench_index: the index.
        state: the simulated state that it holds.
        fresh: another, none of whose records it holds.
        workers: processes that serve.
    """
    with bench_index.open() as index:
        features, pairs = sample_pairs(index)
        searched_features = itertools.cycle([features[lo] for lo, _ in pairs])
        with open_splink_search(index) as splink, serving(bench_index, workers) as server:
            wait_for_compaction(bench_index)
            client = HttpClient(server.port, bench_index.key)
            calls = list(itertools.islice(resolves(client, state, fresh, "beside"), RESOLVE_COUNT))
            size = len(calls) // (ROUNDS + 2)
            time_calls(client, calls[: 2 * size])
            rounds = [calls[first * size :][:size] for first in range(2, ROUNDS + 2)]
            splink.predict_between(next(searched_features))
            durations = [
                (
                    statistics.median(time_calls(client, round_calls)),
                    statistics.median(
                        splink.predict_between(next(searched_features)) for _ in range(SEARCHES_PER_ROUND)
                    ),
                )
                for round_calls in rounds
            ]
            client.close()
    return {
        "resolve_p50_ms": round(statistics.median(resolve_ms for resolve_ms, _ in durations), 2),
        "predict_between_p50_ms": round(statistics.median(search_ms for _, search_ms in durations), 1),
        "times_faster": round(
            statistics.median(search_ms / resolve_ms for resolve_ms, search_ms in durations), 1
        ),
        "of_each_round": [[round(resolve_ms, 2), round(search_ms, 1)] for resolve_ms, search_ms in durations],
    }

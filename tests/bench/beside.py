"""A resolve over HTTP compared with a Splink search for one record, in turn.

The two alternate, because the speed of a machine may change by a quarter within minutes.
"""

import itertools
import statistics
from pathlib import Path

from tests.bench.online import keys_merged, resolves
from tests.bench.scoring import sample
from tests.bench.searching import searching
from tests.bench.state import Made, serving
from tests.bench.wire import Wire, timed

ROUNDS = 10
RESOLVES = 1_200
"""Resolves in all; fewer where the state is smaller. Those of two rounds warm the server up."""
SEARCHES = 3


def measure(made: Made, state: Path, fresh: Path, workers: int) -> dict[str, object]:
    """Some resolves and some searches, ten times in turn.

    Args:
        made: the index.
        state: the simulated state that it holds.
        fresh: another, none of whose records it holds.
        workers: processes that serve.
    """
    with made.opened() as index:
        features, pairs = sample(index)
        asked = itertools.cycle([features[lo] for lo, _ in pairs])
        with searching(index) as splink, serving(made, workers) as server:
            keys_merged(made)
            wire = Wire(server.port, made.key)
            calls = list(itertools.islice(resolves(wire, state, fresh, "beside"), RESOLVES))
            size = len(calls) // (ROUNDS + 2)
            timed(wire, calls[: 2 * size])
            rounds = [calls[first * size :][:size] for first in range(2, ROUNDS + 2)]
            splink.predict_between(next(asked))
            took = [
                (
                    statistics.median(timed(wire, some)),
                    statistics.median(splink.predict_between(next(asked)) for _ in range(SEARCHES)),
                )
                for some in rounds
            ]
            wire.close()
    return {
        "resolve_p50_ms": round(statistics.median(ours for ours, _ in took), 2),
        "predict_between_p50_ms": round(statistics.median(theirs for _, theirs in took), 1),
        "times_faster": round(statistics.median(theirs / ours for ours, theirs in took), 1),
        "of_each_round": [[round(ours, 2), round(theirs, 1)] for ours, theirs in took],
    }

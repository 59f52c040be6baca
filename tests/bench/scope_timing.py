"""Whether the time of an answer tells that another agency holds a child.

``scripts/bench-scope-timing`` runs it and prints JSON. A school sends pairs of new children in random order:
one whom the child-welfare agency holds, and one whom it does not. The figure is the share of pairs of
latencies in which the child in care took longer (the area under the ROC curve): 0.5 tells nothing, 1 tells
all.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, load_rows, many_children
from tests.scopes import open_scoped_indexes


def main() -> int:
    """Measure how well latencies tell children in care from others."""
    parser = argparse.ArgumentParser(prog="scripts/bench-scope-timing", description=main.__doc__)
    parser.add_argument("--pairs", type=int, default=10_000, help="pairs of children")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    children = many_children(2 * options.pairs)
    # Which child is in care must not follow from its name or birth date.
    random.Random(options.seed).shuffle(children)
    in_care, others = children[::2], children[1::2]
    with tempfile.TemporaryDirectory(prefix="mpi-bench-timing-") as name:
        scopes = {"education": ("sis",), "child_welfare": ("ccwis",)}
        with open_scoped_indexes(Path(name), scopes) as indexes:
            load_rows(indexes.scopes["child_welfare"], "ccwis", *in_care)
            indexes.sync()
            is_done = threading.Event()
            follower = threading.Thread(target=_follow, args=(indexes, is_done))
            follower.start()
            try:
                latencies = _measure(indexes.scopes["education"], in_care, others, options.seed)
            finally:
                is_done.set()
                follower.join()
    figures = {"pairs": options.pairs, "auc": round(compute_auc(*latencies), 4)}
    print(json.dumps(figures, indent=1))
    return 0


def _follow(indexes, is_done: threading.Event) -> None:
    """Let the shared index follow while the school sends its records."""
    while not is_done.wait(1):
        indexes.sync()


def _measure(index, in_care, others, seed: int) -> tuple[list[float], list[float]]:
    """Return the seconds of a school's upserts: of children in care, and of others."""
    order = random.Random(seed)
    latencies: tuple[list[float], list[float]] = ([], [])
    for pair in zip(in_care, others, strict=True):
        for kind in order.sample((0, 1), 2):
            began = time.perf_counter()
            upsert(index, OPERATOR, "sis", {**pair[kind], "local_id": f"s-{pair[kind]['local_id']}"})
            latencies[kind].append(time.perf_counter() - began)
    return latencies


def compute_auc(positive: list[float], negative: list[float]) -> float:
    """Return the probability that a positive value exceeds a negative one (Mann-Whitney U over n·m)."""
    ranked = sorted([(value, 1) for value in positive] + [(value, 0) for value in negative])
    rank_sum = sum(rank for rank, (_, is_positive) in enumerate(ranked, 1) if is_positive)
    count = len(positive)
    return (rank_sum - count * (count + 1) / 2) / (count * len(negative))


if __name__ == "__main__":
    sys.exit(main())

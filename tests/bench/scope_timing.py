"""Whether the time of an answer tells that another agency holds a child.

``scripts/bench-scope-timing`` runs it and prints JSON. A school sends pairs of new children in random order:
one whom the child-welfare agency holds, and one whom it does not. The figure is the share of pairs of
latencies in which the child in care took longer (the area under the ROC curve): 0.5 tells nothing, 1 tells
all.
"""

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path

from mpi.bootstrap import open_index, open_scope
from mpi.config import Settings
from mpi.service.records.upsert import upsert
from mpi.service.scopes.transfer import transfer_changes
from tests.index import OPERATOR, load_rows, many_children
from tests.scopes import open_scoped_indexes

_SCOPES = {"education": ("sis",), "child_welfare": ("ccwis",)}
_PATIENCE_S = 600


def main() -> int:
    """Measure how well latencies tell children in care from others."""
    parser = argparse.ArgumentParser(prog="scripts/bench-scope-timing", description=main.__doc__)
    parser.add_argument("--pairs", type=int, default=10_000, help="pairs of children")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    in_care, others = _draw_children(options.pairs, options.seed)
    # As in service, the other agency has a process of its own: caches of one process would tell.
    spawning = multiprocessing.get_context("spawn")
    is_ready, is_done = spawning.Event(), spawning.Event()
    with tempfile.TemporaryDirectory(prefix="mpi-bench-timing-") as name:
        with open_scoped_indexes(Path(name), _SCOPES) as indexes:
            agency = spawning.Process(
                target=_hold_and_follow, args=(Path(name), options.pairs, options.seed, is_ready, is_done)
            )
            agency.start()
            try:
                if not is_ready.wait(_PATIENCE_S):
                    raise TimeoutError("the other agency has not loaded its children")
                latencies = _measure(indexes.scopes["education"], in_care, others, options.seed)
            finally:
                is_done.set()
                agency.join()
    figures = {"pairs": options.pairs, "auc": round(compute_auc(*latencies), 4)}
    print(json.dumps(figures, indent=1))
    return 0


def _draw_children(pairs: int, seed: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return as many children in care as others; neither names nor birth dates tell which."""
    children = many_children(2 * pairs)
    random.Random(seed).shuffle(children)
    return children[::2], children[1::2]


def _hold_and_follow(folder: Path, pairs: int, seed: int, is_ready: Event, is_done: Event) -> None:
    """Load the children in care, and let the shared index follow while the school sends its records."""
    settings = Settings(home=folder, model=None, database_url=None, secret_file=None)
    shared = open_index(settings)
    scopes = {code: open_scope(settings, code) for code in _SCOPES}
    load_rows(scopes["child_welfare"], "ccwis", *_draw_children(pairs, seed)[0])
    while True:
        for code, index in scopes.items():
            transfer_changes(index, shared, OPERATOR, code)
        is_ready.set()
        if is_done.wait(1):
            break
    for index in (shared, *scopes.values()):
        index.database.dispose()


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

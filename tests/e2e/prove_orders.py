"""Check that every order of a public set gives one partition; ``scripts/prove-orders`` prints JSON."""

import json
import sys
import tempfile
import time
from pathlib import Path

from mpi.service.recluster.recluster_plan import recluster
from tests.e2e.public_set import (
    OPERATOR,
    crosswalk,
    empty_index,
    load_by_source,
    pairwise,
    persons_of,
    resolve_one_by_one,
    rows_to_send,
)


def main() -> int:
    """Resolve the set in several orders; exit with 1 when the partitions differ."""
    rows = rows_to_send()
    with tempfile.TemporaryDirectory() as folder:
        with empty_index(Path(folder) / "load") as index:
            load_by_source(index)
            loaded = crosswalk(index)
        partitions = {frozenset(persons_of(loaded))}
        report: dict[str, object] = {"records": len(rows), "pairwise": pairwise(loaded), "orders": []}
        for seed in range(3):
            started = time.perf_counter()
            with empty_index(Path(folder) / str(seed)) as index:
                resolve_one_by_one(index, rows, seed)
                seconds = time.perf_counter() - started
                partitions.add(frozenset(persons_of(crosswalk(index))))
                plan = recluster(index, OPERATOR, index.matcher, apply=False)
            order = {"seed": seed, "ms_a_record": 1000 * seconds / len(rows), "recluster_moves": plan.moved}
            report["orders"] += [order]  # type: ignore[operator]
            print(json.dumps(order), file=sys.stderr)
    report["partitions"] = len(partitions)
    print(json.dumps(report, indent=2))
    return 0 if len(partitions) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())

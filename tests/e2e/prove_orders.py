"""Check that every order of a public set gives one partition; ``scripts/prove-orders`` prints JSON."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from mpi.intake.rows import CanonicalRow
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.statements.sources import NewSource, add_source
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
from tests.e2e.scope_orders import ORDERS, partition_in_order
from tests.laws.dense_blocks import expected_edges, settle_in_order, stored_edges, with_small_blocks

SEEDS = range(3)
DENSE_ORDERS = 25
"""Orders of each of two shapes of dense records."""
DENSE_LIMIT = 20
"""Most records of a block that brings pairs, here; with the usual limit an order would take a minute."""
DENSE_CONTENTS = 3
"""Given names of one birth date and surname, whose records share a blocking key."""
DENSE_WITHDRAWN = 8
"""Records that come and go, so that the block crosses its limit both ways."""


def main() -> int:
    """Resolve the set in several orders; exit with 1 when the partitions differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scopes", action="store_true", help="spread them over two scopes, with syncs")
    parser.add_argument("--dense", action="store_true", help="send records that share their keys instead")
    parser.add_argument("--every", type=int, default=1, help="send every n-th record only")
    options = parser.parse_args()
    if options.dense:
        with tempfile.TemporaryDirectory() as folder:
            return prove_dense_orders(Path(folder))
    rows = rows_to_send()[:: options.every]
    with tempfile.TemporaryDirectory() as folder:
        if options.scopes:
            return prove_over_scopes(Path(folder), rows)
        return prove_in_one_index(Path(folder), rows)


def prove_in_one_index(folder: Path, rows: list[tuple[str, CanonicalRow]]) -> int:
    """Load the set, and resolve its records one by one in several orders."""
    with empty_index(folder / "load") as index:
        load_by_source(index)
        loaded = crosswalk(index)
    sent = {(source, str(row.fields["local_id"])) for source, row in rows}
    partitions = {frozenset(persons_of(loaded))} if sent == loaded.keys() else set()
    report: dict[str, object] = {"records": len(rows), "pairwise": pairwise(loaded), "orders": []}
    for seed in SEEDS:
        started = time.perf_counter()
        with empty_index(folder / str(seed)) as index:
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


def prove_dense_orders(folder: Path) -> int:
    """Send records that share a key in 50 orders, with withdrawals across the limit of a block.

    In half of the orders the block ends just below the limit, in the other half above it.
    """
    shapes = {"ends small": DENSE_LIMIT - 2, "ends large": DENSE_LIMIT + 4}
    report: dict[str, object] = {"orders": DENSE_ORDERS * len(shapes)}
    are_sound = True
    for shape, staying in shapes.items():
        contents = {number: number % DENSE_CONTENTS for number in range(staying)}
        withdrawn = list(range(staying, staying + DENSE_WITHDRAWN))
        partitions = set()
        for seed in range(DENSE_ORDERS):
            started = time.perf_counter()
            with empty_index(folder / f"{shape} {seed}") as opened:
                index = with_small_blocks(opened, DENSE_LIMIT)
                add_source(index, OPERATOR, NewSource("sis"))
                partitions.add(frozenset(settle_in_order(index, contents, withdrawn, seed)))
                is_sound = stored_edges(index) == expected_edges(index)
                if seed == 0:
                    is_sound = is_sound and not verify(index, OPERATOR)
            seconds = round(time.perf_counter() - started, 1)
            order = {"shape": shape, "seed": seed, "seconds": seconds, "is_sound": is_sound}
            print(json.dumps(order), file=sys.stderr)
            are_sound = are_sound and is_sound
        report[f"partitions where the block {shape}"] = len(partitions)
        are_sound = are_sound and len(partitions) == 1
    print(json.dumps(report, indent=2))
    return 0 if are_sound else 1


def prove_over_scopes(folder: Path, rows: list[tuple[str, CanonicalRow]]) -> int:
    """Send the set to two scopes in several orders, with syncs in between."""
    with empty_index(folder / "alone") as index:
        resolve_one_by_one(index, rows, 0)
        shared_partitions = {frozenset(persons_of(crosswalk(index)))}
    scope_partitions = set()
    report: dict[str, object] = {"records": len(rows), "orders": []}
    for name, send in ORDERS.items():
        for seed in SEEDS if name != "load" else SEEDS[:1]:
            started = time.perf_counter()
            partitions = partition_in_order(folder / f"{name} {seed}", rows, send, seed)
            shared_partitions.add(partitions.shared)
            scope_partitions.add(partitions.scopes)
            seconds = round(time.perf_counter() - started, 1)
            order = {"order": name, "seed": seed, "seconds": seconds, "persons": len(partitions.shared)}
            report["orders"] += [order]  # type: ignore[operator]
            print(json.dumps(order), file=sys.stderr)
    report |= {
        "partitions of the shared index": len(shared_partitions),
        "partitions of the scopes": len(scope_partitions),
    }
    print(json.dumps(report, indent=2))
    return 0 if len(shared_partitions) == len(scope_partitions) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())

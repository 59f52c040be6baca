"""Processor time of upserts and loads with and without encryption, in turn.

usage: python -m tests.bench.encryption [--rounds N] [--rows N] [--upserts N]
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mpi.service.core.index import Index
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index


def measure(folder: Path, rows: int, upserts: int, *, encrypted: bool) -> dict[str, float]:
    """Return milliseconds of processor time for each row, new record and changed record."""
    with open_test_index(folder, "sis", "ccwis", of_earlier_release=not encrypted) as index:
        children = many_children(rows)
        load_s = _processor_time(lambda: load_rows(index, "sis", *children))
        new_s = _processor_time(lambda: _send(index, upserts, "43001"))
        changed_s = _processor_time(lambda: _send(index, upserts, "43002"))
    return {
        "load row": 1_000 * load_s / rows,
        "new record": 1_000 * new_s / upserts,
        "changed record": 1_000 * changed_s / upserts,
    }


def _send(index: Index, count: int, postal_code: str) -> None:
    for number in range(count):
        child = many_children(1, start=100_000 + number)[0]
        upsert(index, OPERATOR, "ccwis", make_child(**{**child, "postal_code": postal_code}))


def _processor_time(work: Callable[[], object]) -> float:
    """Return the processor seconds of some work, in this process and in its children."""
    before = time.process_time() + _children()
    work()
    return time.process_time() + _children() - before


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure in turn, and print the medians."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--upserts", type=int, default=300)
    options = parser.parse_args()
    figures: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    with tempfile.TemporaryDirectory(prefix="mpi-bench-") as folder:
        measure(Path(folder) / "warm", 600, 10, encrypted=True)
        for number in range(options.rounds):
            for encrypted in (False, True) if number % 2 else (True, False):
                home = Path(folder) / f"{number}-{encrypted}"
                figures[encrypted].append(measure(home, options.rows, options.upserts, encrypted=encrypted))
                print(encrypted, figures[encrypted][-1], flush=True)
    for name in figures[True][0]:
        readable, encrypted_ms = (
            statistics.median(figure[name] for figure in figures[kind]) for kind in (False, True)
        )
        share = readable / encrypted_ms
        print(
            f"{name}: {readable:.3f} ms readable, {encrypted_ms:.3f} ms encrypted "
            f"({share:.0%} of the throughput)"
        )


if __name__ == "__main__":
    main()

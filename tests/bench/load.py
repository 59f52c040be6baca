"""Loads one file as ``mpi ingest`` does, and says what each phase cost; ``scripts/bench`` runs it a file."""

import json
import os
import resource
import sys
import time
from pathlib import Path

_MB = 1024


class _Phases:
    """This process's seconds by step: what is spent until a step is told of was spent on it."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._since = time.process_time()

    def told(self, step: str, _done: int, _total: int) -> None:
        """Take note."""
        now = time.process_time()
        self.spent[step] = self.spent.get(step, 0.0) + now - self._since
        self._since = now


def main() -> int:
    """Load a file into the index that the environment names; prints JSON."""
    # A process that standardizes imports this module too, and ``mpi ingest`` gives it no more than it needs.
    from mpi.bootstrap import open_index
    from mpi.cli.progress import watched
    from mpi.config import Settings
    from mpi.domain.viewer import operator
    from mpi.intake.read import open_file
    from mpi.service.load import LoadOptions, Snapshot, load

    file, source = Path(sys.argv[1]), sys.argv[2]
    began, phases = time.perf_counter(), _Phases()
    index = open_index(Settings())
    try:
        rows = watched(open_file(file, None, None), phases.told)
        receipt = load(index, operator(), source, rows, LoadOptions(Snapshot.FULL), phases.told)
        phases.told("finishing", 1, 1)
    finally:
        index.database.dispose()
    mine, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(
        json.dumps(
            {
                "records": receipt.received,
                "seconds": time.perf_counter() - began,
                "processor_s": {
                    "workers": others.ru_utime + others.ru_stime,
                    **phases.spent,
                },
                # The workers are as many as the cores, and no two need be at their most at once.
                "peak_mb": (mine.ru_maxrss + others.ru_maxrss * (os.cpu_count() or 1)) // _MB,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

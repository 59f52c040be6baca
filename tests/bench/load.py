"""Load of one file as ``mpi ingest`` does it, with the cost of each phase; ``scripts/bench`` runs it per
file.
"""

import json
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

_MB = 1_000_000
_SAMPLE_EVERY_S = 0.25


class _PhaseTimer:
    """This process's processor seconds by phase, measured between progress reports."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._since = time.process_time()

    def report(self, step: str, _done: int, _total: int) -> None:
        """Record the time since the last report for the phase."""
        now = time.process_time()
        self.spent[step] = self.spent.get(step, 0.0) + now - self._since
        self._since = now


class _PeakMemory(threading.Thread):
    """Thread that samples the peak memory of this process and its children."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._over = threading.Event()

    def run(self) -> None:
        """Sample the memory until stopped."""
        while not self._over.wait(_SAMPLE_EVERY_S):
            self.bytes = max(self.bytes, sum(map(_resident_bytes, ("self", *_child_processes()))))

    def stop(self) -> None:
        """Stop sampling."""
        self._over.set()
        self.join()


def _child_processes() -> list[str]:
    """Return the processes that this one started."""
    children_files = (task / "children" for task in Path("/proc/self/task").iterdir())
    pids: list[str] = []
    for children in children_files:
        with suppress(OSError):  # a thread that has ended meanwhile
            pids += children.read_text().split()
    return pids


def _resident_bytes(pid: str) -> int:
    with suppress(OSError):  # a process that has ended meanwhile
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def main() -> int:
    """Load a file into the index that the environment names; print JSON."""
    # A process that standardizes imports this module too, and ``mpi ingest`` gives it no more than it needs.
    from mpi.bootstrap import open_index
    from mpi.cli.progress import report_rows_read
    from mpi.config import Settings
    from mpi.domain.snapshot import Snapshot
    from mpi.domain.viewer import make_operator
    from mpi.intake.reader import open_file
    from mpi.service.loads.load import LoadOptions, load

    file, source = Path(sys.argv[1]), sys.argv[2]
    began, phases, peak = time.perf_counter(), _PhaseTimer(), _PeakMemory()
    peak.start()
    index = open_index(Settings())
    try:
        rows = report_rows_read(open_file(file, None, None), phases.report)
        receipt = load(index, make_operator(), source, rows, LoadOptions(Snapshot.FULL), phases.report)
        phases.report("finishing", 1, 1)
    finally:
        index.database.dispose()
        peak.stop()
    children_usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "records": receipt.received,
                "seconds": time.perf_counter() - began,
                "processor_s": {
                    "workers": children_usage.ru_utime + children_usage.ru_stime,
                    **phases.spent,
                },
                "peak_mb": peak.bytes // _MB,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

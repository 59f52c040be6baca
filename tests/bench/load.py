"""Loads one file as ``mpi ingest`` does, and says what each phase cost; ``scripts/bench`` runs it a file."""

import json
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

_MB = 1_000_000
_LOOK_EVERY_S = 0.25


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


class _Peak(threading.Thread):
    """The most memory that this process and those it began had at one time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._over = threading.Event()

    def run(self) -> None:
        """Look again and again."""
        while not self._over.wait(_LOOK_EVERY_S):
            self.bytes = max(self.bytes, sum(map(_resident, ("self", *_begun()))))

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self.join()


def _begun() -> list[str]:
    """The processes that this one began."""
    listed = (task / "children" for task in Path("/proc/self/task").iterdir())
    found: list[str] = []
    for children in listed:
        with suppress(OSError):  # a thread that has ended meanwhile
            found += children.read_text().split()
    return found


def _resident(pid: str) -> int:
    with suppress(OSError):  # a process that has ended meanwhile
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def main() -> int:
    """Load a file into the index that the environment names; prints JSON."""
    # A process that standardizes imports this module too, and ``mpi ingest`` gives it no more than it needs.
    from mpi.bootstrap import open_index
    from mpi.cli.progress import report_rows_read
    from mpi.config import Settings
    from mpi.domain.viewer import make_operator
    from mpi.intake.reader import open_file
    from mpi.domain.snapshot import Snapshot
    from mpi.service.loads.load import LoadOptions, load

    file, source = Path(sys.argv[1]), sys.argv[2]
    began, phases, peak = time.perf_counter(), _Phases(), _Peak()
    peak.start()
    index = open_index(Settings())
    try:
        rows = report_rows_read(open_file(file, None, None), phases.told)
        receipt = load(index, make_operator(), source, rows, LoadOptions(Snapshot.FULL), phases.told)
        phases.told("finishing", 1, 1)
    finally:
        index.database.dispose()
        peak.stop()
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "records": receipt.received,
                "seconds": time.perf_counter() - began,
                "processor_s": {
                    "workers": others.ru_utime + others.ru_stime,
                    **phases.spent,
                },
                "peak_mb": peak.bytes // _MB,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

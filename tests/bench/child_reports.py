"""Time and memory of the reports on children, on an index and an education extract that exist.

Run: python -m tests.bench.child_reports EDUCATION_FILE, with MPI_HOME set to the index.
"""

import resource
import sys
import time
from pathlib import Path

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.viewer import make_operator
from mpi.service.reporting.child_reports import make_child_reports
from mpi.service.reporting.report_set import ALL, ReportRequest

_DAY, _SINCE = "2026-06-01", "2025-08-15"


def main(education: Path) -> None:
    """Print seconds and processor seconds of all published reports, and their peak memory in MB."""
    index = open_index(Settings(), for_look_up=True)
    viewer = make_operator()
    started, worked = time.perf_counter(), time.process_time()
    request = ReportRequest(ALL, _DAY, since=_SINCE, education=education, is_published=True)
    for report in make_child_reports(index, viewer, request):
        print(f"{report.name}: n = {report.number}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"all: {time.perf_counter() - started:.1f} s, processor {time.process_time() - worked:.1f} s,"
        f" peak {peak:.0f} MB"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

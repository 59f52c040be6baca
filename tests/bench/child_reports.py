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
from mpi.service.reporting.report_set import CHILD_REPORTS, ReportRequest, make_child_report

_DAY, _SINCE = "2026-06-01", "2025-08-15"


def main(education: Path) -> None:
    """Print seconds of each published report, and the peak memory of all in MB."""
    index = open_index(Settings(), for_look_up=True)
    viewer = make_operator()
    whole = time.perf_counter()
    for name in CHILD_REPORTS:
        started = time.perf_counter()
        request = ReportRequest(name, _DAY, since=_SINCE, education=education, is_published=True)
        report = make_child_report(index, viewer, request)
        print(f"{name}: {time.perf_counter() - started:.1f} s, n = {report.number}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"all: {time.perf_counter() - whole:.1f} s, peak {peak:.0f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

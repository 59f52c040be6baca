"""Load of a nightly delta, in which one record in a hundred is new or has moved."""

import csv
import json
from itertools import islice, pairwise
from pathlib import Path

from tests.bench.simulated_index import BenchIndex

RECORDS_PER_DELTA_ROW = 100
"""Records of the index for each row of the delta."""
ROWS_PER_NEW_RECORD = 10
"""One row of a delta in this many is a new record; the others are known records that moved."""
AS_OF = "2026-10-01T04:00:00.000000Z"
"""A date after every statement of a simulated state."""
_MOVED_FIELDS = ("address_line1", "address_line2", "city", "postal_code", "county", "phone")


def measure(bench_index: BenchIndex, state: Path, fresh: Path, folder: Path) -> dict[str, object]:
    """Seconds of ``mpi ingest`` with one row for each hundred records, and their share of the full load's.

    Beside it the seconds of a file of one new record: what a command takes to begin and to end.

    Args:
        bench_index: the index, which it changes.
        state: the simulated state that it holds.
        fresh: another, none of whose records it holds.
        folder: where the file is written.
    """
    source, file = "district_north", folder / "delta.csv"
    files = state / f"{source}.csv", fresh / f"{source}.csv"
    command = "ingest", str(file), "--source", source, "--confirm", "--json"
    _write(file, *files, 1)
    _, least, _ = bench_index.run(*command)
    rows = _write(file, *files, max(bench_index.records // RECORDS_PER_DELTA_ROW, ROWS_PER_NEW_RECORD))
    printed, seconds, _ = bench_index.run(*command)
    counts = json.loads(printed)
    return {
        "rows": rows,
        "created": counts["created"],
        "updated": counts["updated"],
        "seconds": round(seconds, 1),
        "one_record_s": round(least, 1),
        "share_of_load": round(seconds / bench_index.load_s, 4),
    }


def _write(file: Path, known_file: Path, fresh_file: Path, rows: int) -> int:
    """Write known records with the next record's address, and new records; return the row count."""
    new = max(rows // ROWS_PER_NEW_RECORD, 1)
    with (
        known_file.open(newline="", encoding="utf-8") as known_rows,
        fresh_file.open(newline="", encoding="utf-8") as fresh_rows,
        file.open("w", newline="", encoding="utf-8") as out,
    ):
        moved_rows = [*islice(csv.DictReader(known_rows), rows - new + 1)]
        writer = csv.DictWriter(out, list(moved_rows[0]))
        writer.writeheader()
        for row, next_row in pairwise(moved_rows):
            writer.writerow({**row, **{name: next_row[name] for name in _MOVED_FIELDS}, "as_of": AS_OF})
        new_rows = [*islice(csv.DictReader(fresh_rows), new)]
        for number, row in enumerate(new_rows):
            writer.writerow({**row, "local_id": f"delta-{rows}-{number}", "as_of": AS_OF})
    return len(moved_rows) - 1 + len(new_rows)

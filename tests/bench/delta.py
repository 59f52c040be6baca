"""What a night brings, beside a full load: one record in a hundred is new, or has moved."""

import csv
import json
from itertools import islice, pairwise
from pathlib import Path

from tests.bench.state import Made

SHARE = 100
"""One record in so many."""
NEW = 10
"""Of the rows of a delta one in so many is a new record; the others are known ones that have moved."""
AS_OF = "2026-10-01T04:00:00.000000Z"
"""After every statement of a simulated state."""
_MOVED = ("address_line1", "address_line2", "city", "postal_code", "county", "phone")


def measure(made: Made, state: Path, fresh: Path, folder: Path) -> dict[str, object]:
    """Seconds of ``mpi ingest`` with one row for each hundred records, and their share of the full load's.

    Beside it the seconds of a file of one new record: what a command takes to begin and to end.

    Args:
        made: the index, which it changes.
        state: the simulated state that it holds.
        fresh: another, none of whose records it holds.
        folder: where the file is written.
    """
    source, file = "district_north", folder / "delta.csv"
    files = state / f"{source}.csv", fresh / f"{source}.csv"
    command = "ingest", str(file), "--source", source, "--confirm", "--json"
    _write(file, *files, 1)
    _, least, _ = made.run(*command)
    rows = _write(file, *files, max(made.records // SHARE, NEW))
    printed, seconds, _ = made.run(*command)
    counts = json.loads(printed)
    return {
        "rows": rows,
        "created": counts["created"],
        "updated": counts["updated"],
        "seconds": round(seconds, 1),
        "one_record_s": round(least, 1),
        "share_of_load": round(seconds / made.load_s, 4),
    }


def _write(file: Path, known: Path, fresh: Path, rows: int) -> int:
    """Known records, each with the address of the one after it, and new ones; returns how many."""
    new = max(rows // NEW, 1)
    with (
        known.open(newline="", encoding="utf-8") as said,
        fresh.open(newline="", encoding="utf-8") as unknown,
        file.open("w", newline="", encoding="utf-8") as out,
    ):
        moved = [*islice(csv.DictReader(said), rows - new + 1)]
        writer = csv.DictWriter(out, list(moved[0]))
        writer.writeheader()
        for row, after in pairwise(moved):
            writer.writerow({**row, **{name: after[name] for name in _MOVED}, "as_of": AS_OF})
        added = [*islice(csv.DictReader(unknown), new)]
        for number, row in enumerate(added):
            writer.writerow({**row, "local_id": f"delta-{rows}-{number}", "as_of": AS_OF})
    return len(moved) - 1 + len(added)

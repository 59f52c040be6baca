"""Hardware that an index of a state needs, as measured.

The figures are those of docs/benchmarks.md, section "Machine size".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MachineSize:
    """Memory and disk that an index of a number of records took.

    Args:
        records: records of the index.
        memory: memory of the largest load.
        disk_sqlite: disk of an SQLite index.
        disk_postgresql: disk of a PostgreSQL index.
        first_load: time of the first load.
    """

    records: int
    memory: str
    disk_sqlite: str
    disk_postgresql: str
    first_load: str


MACHINE_SIZES = (
    MachineSize(100_000, "1.3 GB", "0.25 GB", "not measured", "under a minute"),
    MachineSize(1_000_000, "3.5 GB", "2.6 GB", "8.8 GB, and 14 GB of log", "5 to 7 minutes"),
    MachineSize(5_000_000, "7.4 GB", "13 GB", "27 GB, and 151 GB of log", "30 to 45 minutes"),
)
"""Measured on a machine of two cores, smallest first."""


def find_machine(records: int) -> MachineSize | None:
    """Return the smallest measured size that holds as many records; None beyond."""
    return next((size for size in MACHINE_SIZES if size.records >= records), None)

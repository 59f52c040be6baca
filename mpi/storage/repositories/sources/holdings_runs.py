"""Repository of runs that drop surplus records."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from mpi.storage.tables import AnyRow, HoldingsRunRow, table_of

_run = table_of(HoldingsRunRow)


class HoldingsRunStatus(StrEnum):
    """Status of a run that drops records."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    ENDED = "ended"


_OPEN = (HoldingsRunStatus.WAITING.value, HoldingsRunStatus.RUNNING.value)


@dataclass(frozen=True, slots=True)
class HoldingsRun:
    """A run that drops records of a source; once done, its certificate.

    Args:
        id: number of the run.
        source_id: number of the source.
        status: status of the run.
        requested_commit: commit that asked for it.
        batch_id: the load after which it ran; None if a person asked for it.
        approved_commit: commit of the second person's approval; None where none was needed.
        ended_commit: commit that ended the run.
        surplus: records that were to be destroyed when it began.
        rows: rows of the file that were never stored.
        records: stored records that were destroyed.
        seal: keyed digest of the other values, once the run is done.
    """

    id: int
    source_id: int
    status: HoldingsRunStatus
    requested_commit: int
    batch_id: int | None = None
    approved_commit: int | None = None
    ended_commit: int | None = None
    surplus: int = 0
    rows: int = 0
    records: int = 0
    seal: str | None = None


class HoldingsRuns:
    """Repository of runs; each source has one open run at most."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, run: HoldingsRun) -> None:
        """Add a run."""
        self._connection.execute(insert(_run).values(**asdict(run)))

    def save(self, run: HoldingsRun) -> None:
        """Store the present values of a run."""
        self._connection.execute(update(_run).where(_run.c.id == run.id).values(**asdict(run)))

    def get(self, number: int) -> HoldingsRun:
        """Return the run of a number, which exists."""
        return _run_from_row(self._connection.execute(select(_run).where(_run.c.id == number)).one())

    def find_open(self, source_id: int) -> HoldingsRun | None:
        """Return the waiting or running run of a source, or None."""
        query = select(_run).where(_run.c.source_id == source_id, _run.c.status.in_(_OPEN))
        row = self._connection.execute(query).first()
        return None if row is None else _run_from_row(row)

    def source_ids(self) -> set[int]:
        """Return the numbers of sources with a run."""
        return set(self._connection.execute(select(_run.c.source_id).distinct()).scalars())

    def all(self) -> list[HoldingsRun]:
        """Return every run, oldest first."""
        rows = self._connection.execute(select(_run).order_by(_run.c.id))
        return [_run_from_row(row) for row in rows]


def _run_from_row(row: AnyRow) -> HoldingsRun:
    return HoldingsRun(**{**row._asdict(), "status": HoldingsRunStatus(row.status)})

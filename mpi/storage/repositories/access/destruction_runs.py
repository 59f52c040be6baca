"""Repository of runs that destroy records whose retention has ended."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import AnyRow, DestructionItemRow, DestructionRunRow, table_of

_run = table_of(DestructionRunRow)
_item = table_of(DestructionItemRow)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run that destroys records of one source.

    Args:
        number: number of the run.
        source_id: number of the source.
        rule: the retention rule in words.
        records: number of records when it was planned.
        planned_commit: commit number of the plan.
        approved_by: name of the person who approved it; None while it waits.
        approved_commit: commit number of the approval.
        destroyed: number of records destroyed so far.
        spared: number of records that were left, since they were not due or were held by then.
        certificate: the certificate as JSON text, once it has finished.
        signature: keyed hash of the certificate.
        finished_commit: commit number of its end.
    """

    number: int
    source_id: int
    rule: str
    records: int
    planned_commit: int
    approved_by: str | None = None
    approved_commit: int | None = None
    destroyed: int = 0
    spared: int = 0
    certificate: str | None = None
    signature: str | None = None
    finished_commit: int | None = None


class DestructionRuns:
    """Repository of destruction runs and of the records still to destroy."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, run: StoredRun, record_ids: Collection[int]) -> None:
        """Add a run with its records."""
        self._connection.execute(
            insert(_run).values({name: getattr(run, name) for name in StoredRun.__slots__})
        )
        for chunk in iter_chunks(sorted(record_ids)):
            rows = [{"number": run.number, "record_id": record_id} for record_id in chunk]
            self._connection.execute(insert(_item), rows)

    def approve(self, number: int, approved_by: str, commit_no: int) -> None:
        """Record a second person's approval."""
        self._update(number, approved_by=approved_by, approved_commit=commit_no)

    def next_records(self, number: int, count: int) -> list[int]:
        """Return the next records that a run has to destroy, ascending."""
        rows = self._connection.execute(
            select(_item.c.record_id).where(_item.c.number == number).order_by(_item.c.record_id).limit(count)
        )
        return [row.record_id for row in rows]

    def count_waiting(self, number: int) -> int:
        """Return how many records a run has still to look at."""
        statement = select(func.count()).select_from(_item).where(_item.c.number == number)
        return int(self._connection.execute(statement).scalar() or 0)

    def take(self, number: int, record_ids: Collection[int], destroyed: int) -> None:
        """Record which records a run has dealt with."""
        for chunk in iter_chunks(sorted(record_ids)):
            self._connection.execute(
                delete(_item).where(_item.c.number == number, is_in(_item.c.record_id, chunk))
            )
        self._update(
            number,
            destroyed=_run.c.destroyed + destroyed,
            spared=_run.c.spared + len(record_ids) - destroyed,
        )

    def finish(self, number: int, certificate: str, signature: str, commit_no: int) -> None:
        """Store the certificate of a run that has come to its end."""
        self._update(number, certificate=certificate, signature=signature, finished_commit=commit_no)

    def find(self, number: int) -> StoredRun | None:
        """Return a run, or None."""
        row = self._connection.execute(select(_run).where(_run.c.number == number)).first()
        return None if row is None else _to_run(row)

    def all(self) -> list[StoredRun]:
        """Return every run, newest first."""
        return [_to_run(row) for row in self._connection.execute(select(_run).order_by(_run.c.number.desc()))]

    def _update(self, number: int, **values: object) -> None:
        self._connection.execute(update(_run).where(_run.c.number == number).values(values))


def _to_run(row: AnyRow) -> StoredRun:
    return StoredRun(*(getattr(row, name) for name in StoredRun.__slots__))

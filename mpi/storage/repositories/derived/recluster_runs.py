"""Repository of re-cluster runs, their progress and concurrent record changes."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from mpi.storage.driver.chunks import MAX_BIGINT, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import AnyRow, RunChangeRow, RunRow, table_of

_run = table_of(RunRow)
_change = table_of(RunChangeRow)


class RunStage(StrEnum):
    """Stage that a re-cluster run has reached."""

    DERIVING = "deriving"
    """Derived data is being computed; the run can still be abandoned."""
    RELEASING = "releasing"
    """The run's configuration is in force; changes are being published."""
    CLEARING = "clearing"
    """All changes are published; other configurations' derived data is deleted."""
    DONE = "done"
    ABANDONED = "abandoned"


OPEN_STAGES = (RunStage.DERIVING, RunStage.RELEASING, RunStage.CLEARING)
"""Stages of a run that is in progress or was interrupted."""


class RunKind(StrEnum):
    """What a re-cluster run carries out, such as applying a proposal."""

    RECLUSTER = "recluster"
    PROPOSAL = "proposal"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class ReclusterRun:
    """One execution of a re-cluster: clusters recomputed over all records.

    Args:
        id: number of the run.
        kind: what the run carries out.
        stage: progress of the run.
        model: model that the run puts in force, ``name/version``.
        proposal_id: proposal that is applied or rolled back.
        config_id: configuration that the run puts in force; None until known.
        on_date: date of the plan.
        client: who began the run.
        began_commit: commit number of its beginning; the run reads the index as of that commit.
        flipped_commit: commit number at which its configuration came into force.
        ended_commit: commit number at which it was done or abandoned.
        moved: records that changed person by it.
        held: proposal items held because they were not approved, or by a freeze window.
        changed: proposal items held because they have changed since somebody read them.
        worker: process that executes the run.
        beat: last heartbeat of the worker (ISO, UTC).
        detail: options of the run.
    """

    id: int
    kind: str
    stage: str
    model: str
    proposal_id: int | None
    config_id: int | None
    on_date: str
    client: str
    began_commit: int
    flipped_commit: int | None
    ended_commit: int | None
    moved: int
    held: int
    changed: int
    worker: str
    beat: str
    detail: dict[str, Any]


# Module constants, since every writer asks whether a run derives.
_ADD_CHANGED_RECORD = text(
    "INSERT INTO recluster_change (run_id, record_id) VALUES (:run, :record) "
    "ON CONFLICT (run_id, record_id) DO NOTHING"
)
DERIVING_RUN, RELEASING_RUN = (
    select(func.max(_run.c.id)).where(_run.c.stage == stage.value).scalar_subquery().label(stage.value)
    for stage in (RunStage.DERIVING, RunStage.RELEASING)
)
"""Column expressions for the runs that derive and release now.

They save a query when added to another.
"""


def _run_from_row(row: AnyRow) -> ReclusterRun:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return ReclusterRun(**values | {"detail": orjson.loads(row.detail)})


class ReclusterRuns:
    """Repository of re-cluster runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, run: ReclusterRun) -> None:
        """Add a re-cluster run."""
        values = {name: getattr(run, name) for name in run.__slots__}
        self._connection.execute(
            insert(_run).values(**values | {"detail": orjson.dumps(run.detail).decode()})
        )

    def get(self, number: int) -> ReclusterRun | None:
        """Return a re-cluster run by number, or None."""
        if abs(number) > MAX_BIGINT:
            return None
        row = self._connection.execute(select(_run).where(_run.c.id == number)).first()
        return None if row is None else _run_from_row(row)

    def find_open(self) -> ReclusterRun | None:
        """Return the re-cluster run in progress or interrupted, or None.

        There is at most one.
        """
        row = self._connection.execute(select(_run).where(_run.c.stage.in_(OPEN_STAGES))).first()
        return None if row is None else _run_from_row(row)

    def all(self) -> list[ReclusterRun]:
        """Return every re-cluster run, newest first."""
        return [
            _run_from_row(row) for row in self._connection.execute(select(_run).order_by(_run.c.id.desc()))
        ]

    def update(self, number: int, **values: Any) -> None:  # noqa: ANN401 - columns of the table
        """Set columns of a re-cluster run, such as its stage."""
        if "detail" in values:
            values["detail"] = orjson.dumps(values["detail"]).decode()
        self._connection.execute(update(_run).where(_run.c.id == number).values(**values))

    def add_counts(self, number: int, *, moved: int = 0, held: int = 0, changed: int = 0) -> None:
        """Add to a re-cluster run's counts of moved records and held changes."""
        increases = {"moved": moved, "held": held, "changed": changed}
        values = {name: _run.c[name] + increase for name, increase in increases.items() if increase}
        if values:
            self._connection.execute(update(_run).where(_run.c.id == number).values(**values))

    def record_heartbeat(self, number: int, worker: str, moment: str) -> bool:
        """Record a heartbeat of the process that executes a re-cluster run.

        Returns:
            False if another process has taken the run over.
        """
        result = self._connection.execute(
            update(_run).where(_run.c.id == number, _run.c.worker == worker).values(beat=moment)
        )
        return result.rowcount > 0

    def add_changed_records(self, number: int, record_ids: Collection[int]) -> None:
        """Record which records changed while a re-cluster run was in progress."""
        rows = [{"run": number, "record": record} for record in sorted(record_ids)]
        if rows:
            self._connection.execute(_ADD_CHANGED_RECORD, rows)

    def changed_records(self, number: int, limit: int) -> list[int]:
        """Return changed records that a re-cluster run has yet to revisit.

        Args:
            number: number of the run.
            limit: maximum number of records.
        """
        rows = self._connection.execute(
            select(_change.c.record_id)
            .where(_change.c.run_id == number)
            .order_by(_change.c.record_id)
            .limit(limit)
        )
        return [row[0] for row in rows]

    def select_changed(self, number: int, record_ids: Collection[int]) -> set[int]:
        """Return those of the records that changed during a re-cluster run."""
        changed: set[int] = set()
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_change.c.record_id).where(
                    _change.c.run_id == number, is_in(_change.c.record_id, chunk)
                )
            )
            changed.update(row[0] for row in rows)
        return changed

    def delete_changed_records(self, number: int, record_ids: Collection[int]) -> None:
        """Mark records that changed during a re-cluster run as revisited."""
        self._connection.execute(
            delete(_change).where(
                _change.c.run_id == bindparam("run"), _change.c.record_id == bindparam("r")
            ),
            [{"run": number, "r": record} for record in record_ids],
        )

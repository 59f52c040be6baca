"""Runs of a re-cluster: how far each has come, who carries it out, and what changed meanwhile."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from mpi.storage.driver.chunks import MAX_BIGINT, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import RunChangeRow, RunRow

_run = RunRow.__table__  # type: ignore[attr-defined]
_change = RunChangeRow.__table__  # type: ignore[attr-defined]


class RunStage(StrEnum):
    """How far a run has come."""

    DERIVING = "deriving"
    """Features, keys and edges are made beside those in force; it can be abandoned."""
    RELEASING = "releasing"
    """Its configuration is in force, and what that changes is published item by item."""
    CLEARING = "clearing"
    """Everything is published; what other configurations left behind is dropped."""
    DONE = "done"
    ABANDONED = "abandoned"


OPEN_STAGES = (RunStage.DERIVING, RunStage.RELEASING, RunStage.CLEARING)
"""Stages of a run that is under way, or was when it was interrupted."""


class RunKind(StrEnum):
    """What is carried out."""

    RECLUSTER = "recluster"
    PROPOSAL = "proposal"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class ReclusterRun:
    """One carrying out of a re-cluster.

    Args:
        id: its number.
        kind: what is carried out.
        stage: how far it has come.
        model: the model that it puts in force, ``name/version``.
        proposal_id: the proposal, of one that is applied or rolled back.
        config_id: the configuration that it puts in force; None until that is known.
        on_date: the plan's date.
        client: who began it.
        began_commit: when it was begun; everything before is in its snapshot.
        flipped_commit: when its configuration came into force.
        ended_commit: when it was done or abandoned.
        moved: records that have changed person by it.
        held: items that were read and are held.
        changed: items that are held because nobody had read them.
        worker: who carries it out.
        beat: when that was last seen alive (ISO, UTC).
        detail: what it was asked.
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


# Composed once, as every writer asks whether a run derives.
_ADD_CHANGED_RECORD = text(
    "INSERT INTO recluster_change (run_id, record_id) VALUES (:run, :record) "
    "ON CONFLICT (run_id, record_id) DO NOTHING"
)
DERIVING_RUN, RELEASING_RUN = (
    select(func.max(_run.c.id)).where(_run.c.stage == stage.value).scalar_subquery().label(stage.value)
    for stage in (RunStage.DERIVING, RunStage.RELEASING)
)
"""The run that derives now, or releases, for a statement that reads something else anyway."""


def _run_from_row(row: Any) -> ReclusterRun:  # noqa: ANN401 - a row of the table
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return ReclusterRun(**values | {"detail": orjson.loads(row.detail)})


class ReclusterRuns:
    """What is being carried out."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, run: ReclusterRun) -> None:
        """Begin a run."""
        values = {name: getattr(run, name) for name in run.__slots__}
        self._connection.execute(
            insert(_run).values(**values | {"detail": orjson.dumps(run.detail).decode()})
        )

    def get(self, number: int) -> ReclusterRun | None:
        """A run by its number."""
        if abs(number) > MAX_BIGINT:
            return None
        row = self._connection.execute(select(_run).where(_run.c.id == number)).first()
        return None if row is None else _run_from_row(row)

    def find_open(self) -> ReclusterRun | None:
        """The run that is under way, or was when it was interrupted; there is one at most."""
        row = self._connection.execute(select(_run).where(_run.c.stage.in_(OPEN_STAGES))).first()
        return None if row is None else _run_from_row(row)

    def all(self) -> list[ReclusterRun]:
        """Every run, newest first."""
        return [_run_from_row(row) for row in self._connection.execute(select(_run).order_by(_run.c.id.desc()))]

    def update(self, number: int, **values: Any) -> None:  # noqa: ANN401 - columns of the table
        """Note how far a run has come."""
        if "detail" in values:
            values["detail"] = orjson.dumps(values["detail"]).decode()
        self._connection.execute(update(_run).where(_run.c.id == number).values(**values))

    def add_counts(self, number: int, *, moved: int = 0, held: int = 0, changed: int = 0) -> None:
        """Add to what a run has done."""
        added = {"moved": moved, "held": held, "changed": changed}
        values = {name: _run.c[name] + more for name, more in added.items() if more}
        if values:
            self._connection.execute(update(_run).where(_run.c.id == number).values(**values))

    def record_heartbeat(self, number: int, worker: str, moment: str) -> bool:
        """Say that a worker still carries out a run; False where another has taken it over."""
        mine = self._connection.execute(
            update(_run).where(_run.c.id == number, _run.c.worker == worker).values(beat=moment)
        )
        return mine.rowcount > 0

    def add_changed_records(self, number: int, record_ids: Collection[int]) -> None:
        """Note records that change beside a run."""
        rows = [{"run": number, "record": record} for record in sorted(record_ids)]
        if rows:
            self._connection.execute(_ADD_CHANGED_RECORD, rows)

    def changed_records(self, number: int, limit: int) -> list[int]:
        """Records that changed beside a run, and that it has not looked at since."""
        rows = self._connection.execute(
            select(_change.c.record_id)
            .where(_change.c.run_id == number)
            .order_by(_change.c.record_id)
            .limit(limit)
        )
        return [row[0] for row in rows]

    def select_changed(self, number: int, record_ids: Collection[int]) -> set[int]:
        """Those of the records that changed beside a run."""
        found: set[int] = set()
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_change.c.record_id).where(
                    _change.c.run_id == number, is_in(_change.c.record_id, chunk)
                )
            )
            found.update(row[0] for row in rows)
        return found

    def delete_changed_records(self, number: int, record_ids: Collection[int]) -> None:
        """Note that a run has looked at records since they changed."""
        self._connection.execute(
            delete(_change).where(
                _change.c.run_id == bindparam("run"), _change.c.record_id == bindparam("r")
            ),
            [{"run": number, "r": record} for record in record_ids],
        )

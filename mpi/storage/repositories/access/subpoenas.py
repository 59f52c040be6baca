"""Repository of subpoena cases: what was served, and what became of it."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select

from mpi.storage.tables import AnyRow, SubpoenaCaseRow, SubpoenaStepRow, table_of

_case = table_of(SubpoenaCaseRow)
_step = table_of(SubpoenaStepRow)


class SubpoenaStepKind(StrEnum):
    """What a person did with a subpoena case."""

    NOTIFY = "notify"
    DECIDE = "decide"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class StoredSubpoena:
    """A subpoena as it was served.

    Args:
        code: code of the case.
        source_id: number of the source whose records it asks for.
        court: court that issued it.
        reference: the court's own number.
        served_by: office that served it.
        received: day on which it was received (ISO).
        due: day by which it is to be answered (ISO).
        notice_forbidden: whether the order forbids to notify the parents.
        record_ids: the records, ascending.
        fields: the fields, in order.
        opened_commit: commit number of its opening.
    """

    code: str
    source_id: int
    court: str
    reference: str
    served_by: str
    received: str
    due: str
    notice_forbidden: bool
    record_ids: tuple[int, ...]
    fields: tuple[str, ...]
    opened_commit: int


@dataclass(frozen=True, slots=True)
class SubpoenaStep:
    """What a person did with a subpoena case.

    Args:
        code: code of the case.
        commit_no: commit number of the step.
        kind: what was done.
        day: day of a notice (ISO).
        verdict: counsel's verdict.
        counsel: name of the attorney.
        reason: why counsel decided so.
        record_ids: records that may be released; None where nothing may.
        fields: fields that may be released.
    """

    code: str
    commit_no: int
    kind: SubpoenaStepKind
    day: str | None = None
    verdict: str | None = None
    counsel: str | None = None
    reason: str | None = None
    record_ids: tuple[int, ...] | None = None
    fields: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SubpoenaHistory:
    """A subpoena with its steps, oldest first.

    Args:
        subpoena: what was served.
        steps: what persons did with it.
    """

    subpoena: StoredSubpoena
    steps: tuple[SubpoenaStep, ...]

    @property
    def is_open(self) -> bool:
        """Whether records may still be released."""
        return not any(
            step.kind is SubpoenaStepKind.RELEASE
            or (step.kind is SubpoenaStepKind.DECIDE and step.record_ids is None)
            for step in self.steps
        )


class Subpoenas:
    """Repository of subpoena cases and their steps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, subpoena: StoredSubpoena) -> None:
        """Add a case."""
        self._connection.execute(insert(_case).values(_to_row(asdict(subpoena))))

    def add_step(self, step: SubpoenaStep) -> None:
        """Add what a person did with a case."""
        self._connection.execute(insert(_step).values(_to_row({**asdict(step), "kind": step.kind.value})))

    def find(self, code: str) -> SubpoenaHistory | None:
        """Return a case with its steps, or None."""
        if not code.isascii() or "\0" in code:
            return None  # no code has such a character, and PostgreSQL refuses some
        row = self._connection.execute(select(_case).where(_case.c.code == code)).first()
        if row is None:
            return None
        steps = self._connection.execute(
            select(_step).where(_step.c.code == code).order_by(_step.c.commit_no)
        )
        return SubpoenaHistory(_subpoena_of(row), tuple(map(_step_of, steps)))

    def all(self) -> list[SubpoenaHistory]:
        """Return every case with its steps, the earliest due day first."""
        steps_by_code: dict[str, list[SubpoenaStep]] = {}
        for row in self._connection.execute(select(_step).order_by(_step.c.commit_no)):
            steps_by_code.setdefault(row.code, []).append(_step_of(row))
        cases = self._connection.execute(select(_case).order_by(_case.c.due, _case.c.opened_commit))
        return [SubpoenaHistory(_subpoena_of(row), tuple(steps_by_code.get(row.code, ()))) for row in cases]


def _to_row(values: dict[str, object]) -> dict[str, object]:
    """Return values as a row stores them: lists as JSON."""
    return {
        name: orjson.dumps(value).decode() if isinstance(value, tuple) else value
        for name, value in values.items()
    }


def _subpoena_of(row: AnyRow) -> StoredSubpoena:
    return StoredSubpoena(
        code=row.code,
        source_id=row.source_id,
        court=row.court,
        reference=row.reference,
        served_by=row.served_by,
        received=row.received,
        due=row.due,
        notice_forbidden=row.notice_forbidden,
        record_ids=_read_list(row.record_ids),
        fields=_read_list(row.fields),
        opened_commit=row.opened_commit,
    )


def _step_of(row: AnyRow) -> SubpoenaStep:
    return SubpoenaStep(
        code=row.code,
        commit_no=row.commit_no,
        kind=SubpoenaStepKind(row.kind),
        day=row.day,
        verdict=row.verdict,
        counsel=row.counsel,
        reason=row.reason,
        record_ids=None if row.record_ids is None else _read_list(row.record_ids),
        fields=None if row.fields is None else _read_list(row.fields),
    )


def _read_list(text: str) -> tuple[Any, ...]:
    return tuple(orjson.loads(text))

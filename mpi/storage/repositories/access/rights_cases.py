"""Repository of rights cases: requests, steps, texts and the rules of sources."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.tables import (
    AnyRow,
    RightsCaseRow,
    RightsStepRow,
    RightsTextRow,
    SourceRuleRow,
    table_of,
)

_case = table_of(RightsCaseRow)
_step = table_of(RightsStepRow)
_text = table_of(RightsTextRow)
_rule = table_of(SourceRuleRow)
_TEXTS_OF_RECORDS = (
    select(_text).where(is_in(_text.c.record_id, "record_ids")).order_by(_text.c.commit_no, _text.c.code)
)

_STATEMENTS = (
    select(_text.c.record_id, _text.c.code, _text.c.kind, _text.c.text, _case.c.details)
    .join(_case, _case.c.code == _text.c.code)
    .where(is_in(_text.c.record_id, "record_ids"), _text.c.kind == "statement")
    .order_by(_text.c.commit_no)
)


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A request about a child's record, as it was received.

    Args:
        code: code of the case.
        kind: ``inspect`` or ``amend``.
        source_id: number of the source whose record it names.
        record_id: number of the record.
        received: day on which it was received (ISO).
        details: what else was recorded, without a value of the record.
        opened_commit: commit number of its opening.
    """

    code: str
    kind: str
    source_id: int
    record_id: int
    received: str
    details: Mapping[str, Any]
    opened_commit: int


@dataclass(frozen=True, slots=True)
class StoredStep:
    """What a person did with a case.

    Args:
        code: code of the case.
        commit_no: commit number of the step.
        kind: what was done.
        details: what was recorded about it.
    """

    code: str
    commit_no: int
    kind: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredText:
    """What a person wrote about a record.

    Args:
        code: code of the case.
        kind: ``wanted`` or ``statement``.
        record_id: number of the record.
        text: the text.
        commit_no: commit number of its storing.
    """

    code: str
    kind: str
    record_id: int
    text: str
    commit_no: int


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A person's statement about a value of a record.

    Args:
        field: canonical field that it contests.
        text: the statement.
    """

    field: str
    text: str


class RightsCases:
    """Repository of rights cases, their steps and texts, and rules of sources."""

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def add(self, case: StoredCase) -> None:
        """Add a case."""
        self._connection.execute(
            insert(_case).values(
                code=case.code,
                kind=case.kind,
                source_id=case.source_id,
                record_id=case.record_id,
                received=case.received,
                details=_dump(case.details),
                opened_commit=case.opened_commit,
            )
        )

    def add_step(self, step: StoredStep) -> None:
        """Add what a person did with a case."""
        self._connection.execute(
            insert(_step).values(
                code=step.code, commit_no=step.commit_no, kind=step.kind, details=_dump(step.details)
            )
        )

    def find(self, code: str) -> tuple[StoredCase, tuple[StoredStep, ...]] | None:
        """Return a case with its steps, oldest first, or None."""
        if not code.isascii() or "\0" in code:
            return None  # no code has such a character, and PostgreSQL refuses some
        row = self._connection.execute(select(_case).where(_case.c.code == code)).first()
        if row is None:
            return None
        steps = self._connection.execute(
            select(_step).where(_step.c.code == code).order_by(_step.c.commit_no)
        )
        return _to_case(row), tuple(map(_to_step, steps))

    def all(self) -> list[tuple[StoredCase, tuple[StoredStep, ...]]]:
        """Return every case with its steps, the earliest received first."""
        steps: dict[str, list[StoredStep]] = {}
        for row in self._connection.execute(select(_step).order_by(_step.c.commit_no)):
            steps.setdefault(row.code, []).append(_to_step(row))
        cases = self._connection.execute(select(_case).order_by(_case.c.received, _case.c.opened_commit))
        return [(_to_case(row), tuple(steps.get(row.code, ()))) for row in cases]

    def add_text(self, text: StoredText) -> None:
        """Add what a person wrote about a record."""
        self._connection.execute(
            insert(_text).values(
                code=text.code,
                kind=text.kind,
                record_id=text.record_id,
                text=self._keys.encrypt_text(text_place(text.code, text.kind), text.text),
                commit_no=text.commit_no,
            )
        )

    def texts(self, record_ids: Collection[int]) -> list[StoredText]:
        """Return what was written about some records, oldest first."""
        if not record_ids:
            return []
        rows = self._connection.execute(_TEXTS_OF_RECORDS, {"record_ids": list(record_ids)})
        return [
            StoredText(row.code, row.kind, row.record_id, self._decrypt(row), row.commit_no) for row in rows
        ]

    def statements(self, record_ids: Collection[int]) -> dict[int, list[StoredStatement]]:
        """Return the statements attached to each of some records, oldest first."""
        attached: dict[int, list[StoredStatement]] = {}
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_STATEMENTS, {"record_ids": list(chunk)}):
                statement = StoredStatement(orjson.loads(row.details)["field"], self._decrypt(row))
                attached.setdefault(row.record_id, []).append(statement)
        return attached

    def erase_texts(self, record_id: int) -> None:
        """Delete what was written about a record."""
        self._connection.execute(delete(_text).where(_text.c.record_id == record_id))

    def set_rule(self, source_id: int, commit_no: int, details: Mapping[str, Any]) -> None:
        """Store a source's rule from now on."""
        self._connection.execute(
            insert(_rule).values(source_id=source_id, commit_no=commit_no, details=_dump(details))
        )

    def rules(self) -> dict[int, dict[str, Any]]:
        """Return the latest rule of each source that has one."""
        rows = self._connection.execute(select(_rule).order_by(_rule.c.commit_no))
        return {row.source_id: orjson.loads(row.details) for row in rows}

    def _decrypt(self, row: AnyRow) -> str:
        return self._keys.decrypt_text(text_place(row.code, row.kind), row.text)


def text_place(code: str, kind: str) -> str:
    """Return the place of a statement, which binds its encryption."""
    return f"rights_text.text|{code}|{kind}"


def _dump(details: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(details), option=orjson.OPT_SORT_KEYS).decode()


def _to_case(row: AnyRow) -> StoredCase:
    return StoredCase(
        row.code,
        row.kind,
        row.source_id,
        row.record_id,
        row.received,
        orjson.loads(row.details),
        row.opened_commit,
    )


def _to_step(row: AnyRow) -> StoredStep:
    return StoredStep(row.code, row.commit_no, row.kind, orjson.loads(row.details))

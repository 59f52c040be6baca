"""Repository of scopes and their changes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, literal, select, tuple_, update

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.storage.driver.bulk_rows import insert_columns
from mpi.storage.driver.chunks import CHUNK_SIZE, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all
from mpi.storage.tables import ChangeRow, CopyRow, ScopeRow, table_of

_scope = table_of(ScopeRow)
_change = table_of(ChangeRow)
_copy = table_of(CopyRow)


class ChangedItem(IntEnum):
    """What a change concerns: a record or a decision."""

    RECORD = 1
    DECISION = 2


class Change(NamedTuple):
    """A record or decision that a commit changed, ordered by commit.

    Args:
        commit_no: commit number of the change.
        item: record or decision.
        number: its number.
    """

    commit_no: int
    item: int
    number: int


FIRST_CHANGE = Change(0, 0, 0)
"""Position before every change."""


def end_of_commit(commit_no: int) -> Change:
    """Return the position after every change of a commit."""
    return Change(commit_no, max(ChangedItem) + 1, 0)


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope, as the shared index knows it.

    Args:
        code: code of the scope.
        name: name for people.
        position: last change of the scope that the shared index has taken over.
        read_at: time of that change's commit; None before the first.
    """

    code: str
    name: str
    position: Change
    read_at: str | None = None


_CHANGES_AFTER = (
    select(_change.c.commit_no, _change.c.item, _change.c.number)
    .where(
        tuple_(_change.c.commit_no, _change.c.item, _change.c.number)
        > tuple_(bindparam("commit_no"), bindparam("item"), bindparam("number"))
    )
    .order_by(_change.c.commit_no, _change.c.item, _change.c.number)
    .limit(bindparam("most"))
)
_COPIES = select(_copy.c.own_number, _copy.c.number).where(
    _copy.c.scope == bindparam("code"), _copy.c.item == bindparam("item"), is_in(_copy.c.own_number, "ids")
)
_ORIGINALS = select(_copy.c.number, _copy.c.own_number).where(
    _copy.c.scope == bindparam("code"), _copy.c.item == bindparam("item"), is_in(_copy.c.number, "ids")
)


class Scopes:
    """Repository of scopes, their changes and their copies."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Scope]:
        """Return every scope by code."""
        rows = self._connection.execute(select(_scope).order_by(_scope.c.code))
        return [
            Scope(
                code=row.code,
                name=row.name,
                position=Change(row.read_commit, row.read_item, row.read_number),
                read_at=row.read_at,
            )
            for row in rows
        ]

    def get(self, code: str) -> Scope:
        """Return the scope of a code.

        Raises:
            NotFoundError: there is none. The message names those that exist.
        """
        scopes = self.all()
        for scope in scopes:
            if scope.code == code:
                return scope
        names = ", ".join(scope.code for scope in scopes) or "none yet"
        raise NotFoundError(f"unknown scope {code!r}: add it with mpi scope add (there are: {names})")

    def add(self, code: str, name: str, commit_no: int) -> None:
        """Add a scope of which no change has been taken over.

        Raises:
            ConflictError: the code is taken.
        """
        if any(scope.code == code for scope in self.all()):
            raise ConflictError(f"there is a scope {code!r} already")
        position = {"read_commit": 0, "read_item": 0, "read_number": 0}
        self._connection.execute(
            insert(_scope).values(code=code, name=name, created_commit=commit_no, **position)
        )

    def remove(self, code: str) -> None:
        """Forget a scope, its copies and what was taken over of it."""
        self._connection.execute(delete(_copy).where(_copy.c.scope == code))
        self._connection.execute(delete(_scope).where(_scope.c.code == code))

    def count_changes_after(self, position: Change) -> int:
        """Count the changes that follow a position."""
        query = select(func.count()).where(
            tuple_(_change.c.commit_no, _change.c.item, _change.c.number)
            > tuple_(literal(position.commit_no), literal(int(position.item)), literal(position.number))
        )
        return int(self._connection.execute(query).scalar() or 0)

    def move_position(self, code: str, position: Change, read_at: str) -> None:
        """Store the last change of a scope that was taken over.

        Args:
            code: code of the scope.
            position: the change.
            read_at: time of the change's commit.
        """
        self._connection.execute(
            update(_scope)
            .where(_scope.c.code == code)
            .values(
                read_commit=position.commit_no,
                read_item=int(position.item),
                read_number=position.number,
                read_at=read_at,
            )
        )

    def add_changes(self, commit_no: int, item: ChangedItem, numbers: Collection[int]) -> None:
        """Record which records or decisions a commit changed."""
        ascending = sorted(numbers)
        columns = {
            "commit_no": [commit_no] * len(ascending),
            "item": [int(item)] * len(ascending),
            "number": ascending,
        }
        insert_columns(self._connection, _change, columns, if_new=True)

    def changes_after(self, position: Change, limit: int) -> list[Change]:
        """Return the changes that follow a position, in order."""
        rows = self._connection.execute(
            _CHANGES_AFTER,
            {
                "commit_no": position.commit_no,
                "item": int(position.item),
                "number": position.number,
                "most": limit,
            },
        )
        return [Change(*row) for row in rows]

    def all_changes_after(self, position: Change) -> Iterator[Change]:
        """Yield every change that follows a position, in order."""
        while page := self.changes_after(position, CHUNK_SIZE):
            yield from page
            position = page[-1]

    def all_copies(self, code: str, item: ChangedItem) -> dict[int, int]:
        """Return the numbers here of a scope's records or decisions."""
        query = select(_copy.c.own_number, _copy.c.number).where(
            _copy.c.scope == code, _copy.c.item == int(item)
        )
        return {row[0]: row[1] for row in fetch_all(self._connection, query)}

    def copies_of(self, code: str, item: ChangedItem, own_numbers: Collection[int]) -> dict[int, int]:
        """Return the numbers that a scope's records or decisions have here."""
        return self._map_numbers(_COPIES, code, item, own_numbers)

    def add_copies(
        self, code: str, item: ChangedItem, numbers: Mapping[int, int], *, if_new: bool = False
    ) -> None:
        """Record the numbers that a scope's records or decisions have here.

        Args:
            code: code of the scope.
            item: records or decisions.
            numbers: numbers here, by own number in the scope.
            if_new: whether those recorded before are left as they are.
        """
        columns: dict[str, list[Any]] = {
            "scope": [code] * len(numbers),
            "item": [int(item)] * len(numbers),
            "own_number": list(numbers),
            "number": list(numbers.values()),
        }
        if numbers:
            insert_columns(self._connection, _copy, columns, if_new=if_new)

    def replace_copy(self, code: str, item: ChangedItem, own_number: int, number: int) -> None:
        """Replace the number that a scope's record or decision has here."""
        self._connection.execute(
            update(_copy)
            .where(_copy.c.scope == code, _copy.c.item == int(item), _copy.c.own_number == own_number)
            .values(number=number)
        )

    def originals_of(self, code: str, item: ChangedItem, numbers: Collection[int]) -> dict[int, int]:
        """Return the scope's numbers of copied records or decisions."""
        return self._map_numbers(_ORIGINALS, code, item, numbers)

    def select_copies(self, code: str, item: ChangedItem, numbers: Collection[int]) -> set[int]:
        """Return those numbers that are copies of a scope's records or decisions."""
        return set(self.originals_of(code, item, numbers))

    def _map_numbers(
        self, query: Select[Any], code: str, item: ChangedItem, numbers: Collection[int]
    ) -> dict[int, int]:
        """Return the number pairs that a query reads of a scope."""
        pairs: dict[int, int] = {}
        for chunk in iter_chunks(numbers):
            rows = self._connection.execute(query, {"code": code, "item": int(item), "ids": chunk})
            pairs.update({row[0]: row[1] for row in rows})
        return pairs

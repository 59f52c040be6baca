"""Repository of splits, of what they moved, and of former IDs."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlmodel import SQLModel

from mpi.storage.driver.bulk_rows import insert_columns
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import (
    AccountRow,
    AnyRow,
    ClientRow,
    CommitRow,
    FormerIdRow,
    IdMapRow,
    MovedLoginRow,
    SplitRow,
    table_of,
)

_split = table_of(SplitRow)
_moved = table_of(MovedLoginRow)
_former = table_of(FormerIdRow)
_map = table_of(IdMapRow)
_client = table_of(ClientRow)
_account = table_of(AccountRow)
_commit = table_of(CommitRow)

_KEPT_TABLES = frozenset(
    {
        "index_info", "counter", "commit_log", "config", "epoch", "agency", "source", "split",
        "client", "account", "agreement_version", "agreement_step", "purpose", "refusal",
        "disclosure", "disclosed_record", "ledger_node", "ledger_root", "payload_key", "token_key",
    }
)  # fmt: skip
"""Tables that a scope keeps when its split is undone. They tell who read there, and hold no record."""
CLIENT, ACCOUNT = "client", "account"
_SCOPE_OF_KEY = (
    select(_moved.c.scope)
    .join(_client, _client.c.name == _moved.c.name)
    .where(_moved.c.kind == CLIENT, _client.c.key_hash == bindparam("key_hash"))
)


class SplitState(StrEnum):
    """How far a split of sources into a scope is."""

    PLANNED = "planned"
    """The plan waits for a second person. Nothing has changed."""
    APPROVED = "approved"
    """The sources are closed, and their clients and accounts are refused."""
    COPYING = "copying"
    """The scope gets the records and decisions."""
    OPENING = "opening"
    """The shared index follows the scope, which is not open yet."""
    DONE = "done"
    """The scope is open."""
    UNDOING = "undoing"
    """The sources are brought back to the shared index."""
    UNDONE = "undone"
    """The shared index has its sources again."""
    REPLACED = "replaced"
    """Another plan was made instead."""


_WITHOUT_EFFECT = frozenset({SplitState.PLANNED, SplitState.REPLACED, SplitState.UNDONE})
_COPIES_INCOMPLETE = frozenset({SplitState.COPYING, SplitState.UNDOING})


@dataclass(frozen=True, slots=True)
class Split:
    """A split of sources into a scope.

    Args:
        id: number of the split.
        scope: code of the scope.
        name: name of the scope for people.
        state: how far the split is.
        plan: codes, names and counts of what it moves.
        progress: numbers that the scope gave; empty in the shared index.
        token_hash: hash of the token with which the plan is approved.
        planned_commit: commit of the plan.
        approved_commit: commit of the approval.
        state_commit: commit that reached the state.
    """

    id: int
    scope: str
    name: str
    state: SplitState
    plan: dict[str, Any]
    progress: dict[str, int]
    token_hash: str
    planned_commit: int
    approved_commit: int | None
    state_commit: int

    @property
    def is_addition(self) -> bool:
        """Whether the scope existed before, so that it has other sources too."""
        return bool(self.plan.get("is_addition"))


class Splits:
    """Repository of splits, of what they moved, and of former IDs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Split]:
        """Return every split, oldest first."""
        return [_split_of(row) for row in self._connection.execute(select(_split).order_by(_split.c.id))]

    def latest(self, scope: str) -> Split | None:
        """Return the latest split into a scope, or None."""
        return next((split for split in reversed(self.all()) if split.scope == scope), None)

    def latest_begun(self, scope: str) -> Split | None:
        """Return the latest split into a scope that has effect, or None."""
        return next(
            (
                split
                for split in reversed(self.all())
                if split.scope == scope and split.state not in _WITHOUT_EFFECT
            ),
            None,
        )

    def get(self, number: int) -> Split | None:
        """Return the split of a number, or None."""
        return next((split for split in self.all() if split.id == number), None)

    def find(self, token_hash: str) -> Split | None:
        """Return the split whose plan was approved with a token, or None."""
        return next((split for split in self.all() if split.token_hash == token_hash), None)

    def is_copying_into(self, scope: str) -> bool:
        """Return whether an existing scope gets records that have no copies yet."""
        split = self.latest_begun(scope)
        return split is not None and split.is_addition and split.state in _COPIES_INCOMPLETE

    def add(self, split: Split) -> None:
        """Add a split."""
        self._connection.execute(
            insert(_split).values(
                id=split.id,
                scope=split.scope,
                name=split.name,
                state=split.state.value,
                plan=orjson.dumps(split.plan).decode(),
                progress=orjson.dumps(split.progress).decode(),
                token_hash=split.token_hash,
                planned_commit=split.planned_commit,
                approved_commit=split.approved_commit,
                state_commit=split.state_commit,
            )
        )

    def set_state(self, number: int, state: SplitState, commit_no: int) -> None:
        """Store how far a split is."""
        self._connection.execute(
            update(_split).where(_split.c.id == number).values(state=state.value, state_commit=commit_no)
        )

    def approve(self, number: int, plan: dict[str, Any], commit_no: int) -> None:
        """Store that a split is approved, and what it moves."""
        values = {
            "state": SplitState.APPROVED.value,
            "plan": orjson.dumps(plan).decode(),
            "approved_commit": commit_no,
            "state_commit": commit_no,
        }
        self._connection.execute(update(_split).where(_split.c.id == number).values(**values))

    def set_progress(self, number: int, progress: dict[str, int]) -> None:
        """Store the numbers that a scope gave for a split."""
        text = orjson.dumps(progress).decode()
        self._connection.execute(update(_split).where(_split.c.id == number).values(progress=text))

    def move_logins(self, kind: str, names: Collection[str], split: Split) -> None:
        """Record that clients or accounts belong to a scope now."""
        rows = [
            {"kind": kind, "name": name, "split_id": split.id, "scope": split.scope} for name in sorted(names)
        ]
        if rows:
            self._connection.execute(insert(_moved), rows)

    def moved_logins(self, split_id: int) -> list[tuple[str, str]]:
        """Return kind and name of each login that a split moves."""
        query = select(_moved.c.kind, _moved.c.name).where(_moved.c.split_id == split_id)
        return sorted((row.kind, row.name) for row in self._connection.execute(query))

    def release_login(self, kind: str, name: str) -> bool:
        """Take a login out of its split, so that it opens nothing.

        Returns:
            False if no split moves it, or the split is done or taken back.
        """
        is_under_way = _split.c.state.not_in((SplitState.DONE.value, SplitState.UNDOING.value))
        splits = select(_split.c.id).where(is_under_way)
        result = self._connection.execute(
            delete(_moved).where(_moved.c.kind == kind, _moved.c.name == name, _moved.c.split_id.in_(splits))
        )
        return result.rowcount == 1

    def return_logins(self, split_id: int) -> None:
        """Record that a split's clients and accounts are back."""
        self._connection.execute(delete(_moved).where(_moved.c.split_id == split_id))

    def scope_of_key(self, key_hash: str) -> str | None:
        """Return the scope into which a key was moved, or None."""
        return self._connection.execute(_SCOPE_OF_KEY, {"key_hash": key_hash}).scalar()

    def scope_of_client(self, name: str) -> str | None:
        """Return the scope into which a client was moved, or None."""
        query = select(_moved.c.scope).where(_moved.c.kind == CLIENT, _moved.c.name == name)
        return self._connection.execute(query).scalar()

    def scope_of_account(self, name: str) -> str | None:
        """Return the scope into which an account was moved, or None."""
        query = select(_moved.c.scope).where(_moved.c.kind == ACCOUNT, _moved.c.name == name)
        return self._connection.execute(query).scalar()

    def client_rows(self, names: Collection[str]) -> list[dict[str, Any]]:
        """Return the complete rows of clients, by name, without number and commits."""
        rows = self._connection.execute(select(_client).where(_client.c.name.in_(names)).order_by("name"))
        return [_columns_of(row, "id", "created_commit", "revoked_commit") for row in rows]

    def account_rows(self, names: Collection[str]) -> list[dict[str, Any]]:
        """Return the complete rows of accounts, by name, without number and commits."""
        rows = self._connection.execute(select(_account).where(_account.c.name.in_(names)).order_by("name"))
        return [_columns_of(row, "id", "created_commit", "ended_commit") for row in rows]

    def add_client_row(self, number: int, row: dict[str, Any], commit_no: int) -> None:
        """Add a client with a key that it has already."""
        self._connection.execute(insert(_client).values(id=number, created_commit=commit_no, **row))

    def add_account_row(self, number: int, row: dict[str, Any], commit_no: int) -> None:
        """Add an account with a password that it has already."""
        self._connection.execute(insert(_account).values(id=number, created_commit=commit_no, **row))

    def restore_clients(self, names: Collection[str]) -> None:
        """Let the keys of revoked clients open this index again."""
        self._connection.execute(
            update(_client).where(_client.c.name.in_(sorted(names))).values(revoked_commit=None)
        )

    def restore_accounts(self, names: Collection[str]) -> None:
        """Let ended accounts sign in to this index again."""
        self._connection.execute(
            update(_account).where(_account.c.name.in_(sorted(names))).values(ended_commit=None)
        )

    def delete_content(self) -> None:
        """Delete all that this index holds of records, decisions and persons."""
        for table in reversed(SQLModel.metadata.sorted_tables):
            if table.name not in _KEPT_TABLES:
                self._connection.execute(delete(table))

    def last_commit_of(self, kind: str) -> int:
        """Return the number of the last commit of a kind, or 0."""
        query = select(func.max(_commit.c.no)).where(_commit.c.kind == kind)
        return int(self._connection.execute(query).scalar() or 0)

    def add_former_ids(self, former_ids: Iterable[tuple[str, int]]) -> None:
        """Record the IDs that records had before the split."""
        pairs = list(former_ids)
        if pairs:
            columns: dict[str, list[Any]] = {
                "eid": [eid for eid, _ in pairs],
                "record_id": [record for _, record in pairs],
            }
            insert_columns(self._connection, _former, columns)

    def records_of_former_id(self, eid: str) -> list[int]:
        """Return the records that had an ID when their source was moved."""
        query = select(_former.c.record_id).where(_former.c.eid == eid).order_by(_former.c.record_id)
        return list(self._connection.execute(query).scalars())

    def former_ids_of(self, record_ids: Collection[int]) -> dict[int, str]:
        """Return the IDs that records had before the split."""
        former_ids: dict[int, str] = {}
        for chunk in iter_chunks(record_ids):
            query = select(_former).where(is_in(_former.c.record_id, chunk))
            former_ids.update({row.record_id: row.eid for row in self._connection.execute(query)})
        return former_ids

    def has_got_map(self, client: str) -> bool:
        """Return whether a client has got the map of its records' IDs."""
        return (
            self._connection.execute(select(_map.c.client).where(_map.c.client == client)).first() is not None
        )

    def add_map(self, client: str, commit_no: int) -> None:
        """Record that a client gets the map of its records' IDs."""
        self._connection.execute(insert(_map).values(client=client, given_commit=commit_no))


def _columns_of(row: AnyRow, *left_out: str) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in left_out}  # noqa: SLF001 - SQLAlchemy's documented name


def _split_of(row: AnyRow) -> Split:
    return Split(
        id=row.id,
        scope=row.scope,
        name=row.name,
        state=SplitState(row.state),
        plan=orjson.loads(row.plan),
        progress=orjson.loads(row.progress),
        token_hash=row.token_hash,
        planned_commit=row.planned_commit,
        approved_commit=row.approved_commit,
        state_commit=row.state_commit,
    )

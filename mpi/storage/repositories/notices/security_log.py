"""Repository of commits and ledger lines that a SIEM is told."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from mpi.storage.tables import CommitRow, DisclosureRow, table_of

_commit = table_of(CommitRow)
_line = table_of(DisclosureRow)


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """One commit.

    Args:
        no: its number.
        at: when (ISO, UTC).
        client: who made it.
        kind: kind of change.
    """

    no: int
    at: str
    client: str
    kind: str


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """One line of the disclosure ledger, without what it tells of records.

    Args:
        number: number of the line.
        at: when (ISO, UTC).
        client: who received the answer.
        purpose: purpose of use; None for none.
        agreement: code of the agreement; None for none.
        action: action that was performed.
    """

    number: int
    at: str
    client: str
    purpose: str | None
    agreement: str | None
    action: str


class SecurityLog:
    """Repository of commits and ledger lines for a SIEM."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_commits(self, after: int, until: int, kinds: Collection[str]) -> list[LoggedCommit]:
        """Return the commits of some kinds, oldest first.

        Args:
            after: commit number before the first.
            until: last commit number.
            kinds: kinds of changes.
        """
        columns = (_commit.c.no, _commit.c.at, _commit.c.client, _commit.c.kind)
        rows = self._connection.execute(
            select(*columns)
            .where(_commit.c.no > after, _commit.c.no <= until, _commit.c.kind.in_(kinds))
            .order_by(_commit.c.no)
        )
        return [LoggedCommit(*row) for row in rows]

    def list_lines(self, after: int, until: int, actions: Collection[str]) -> list[LoggedLine]:
        """Return the ledger's lines of some actions, oldest first.

        Args:
            after: line number before the first.
            until: last line number.
            actions: actions performed.
        """
        columns = (
            _line.c.id, _line.c.at, _line.c.client, _line.c.purpose, _line.c.agreement, _line.c.action,
        )  # fmt: skip
        rows = self._connection.execute(
            select(*columns)
            .where(_line.c.id > after, _line.c.id <= until, _line.c.action.in_(actions))
            .order_by(_line.c.id)
        )
        return [LoggedLine(*row) for row in rows]

    def first_line_since(self, moment: str) -> int:
        """Return the number of the first ledger line from a moment on.

        It is 0 if there is none.
        """
        number = self._connection.execute(
            select(_line.c.id).where(_line.c.at >= moment).order_by(_line.c.at, _line.c.id).limit(1)
        ).scalar()
        return int(number or 0)

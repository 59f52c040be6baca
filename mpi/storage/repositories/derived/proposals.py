"""Repository of re-cluster proposals and of held changes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, func, insert, select, update

from mpi.storage.driver.chunks import MAX_BIGINT
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import AnyRow, HoldRow, ProposalItemRow, ProposalRow, table_of

_hold = table_of(HoldRow)
_item = table_of(ProposalItemRow)
_proposal = table_of(ProposalRow)


class ProposalStatus(StrEnum):
    """Status of a re-cluster proposal."""

    OPEN = "open"
    APPLYING = "applying"
    APPLIED = "applied"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A computed re-cluster plan, to be read before it is applied.

    Args:
        id: number of the proposal.
        status: its status.
        model: model that it was made with, ``name/version``.
        config_digest: digest of the configuration that applying puts in force.
        model_before: model in force when it was made, or just before it was applied.
        on_date: date of the plan, on which the survivor rule looks for open enrollments.
        commit_no: commit number of its creation.
        applied_commit: commit number of its application.
        ended_commit: commit number of its rejection or rollback.
    """

    id: int
    status: str
    model: str
    config_digest: str
    model_before: str
    on_date: str
    commit_no: int
    applied_commit: int | None = None
    ended_commit: int | None = None


@dataclass(frozen=True, slots=True)
class ProposalItem:
    """One merge, split or move of persons that a re-cluster proposal contains.

    Args:
        no: number within the proposal, from 1.
        fingerprint: identifies the records, their groups before and after, and their persons.
        kind: ``merge``, ``split`` or ``move``.
        status: ``open``, ``applied``, ``held`` or ``changed``.
        detail: groups of record numbers before and after, each with its person.
    """

    no: int
    fingerprint: str
    kind: str
    status: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hold:
    """A computed change of persons that waits for release or refusal.

    Args:
        id: number of the hold.
        kind: why the change waits, such as ``proposal``.
        fingerprint: identifies the change.
        status: ``open``, ``released`` or ``refused``.
        commit_no: commit number since which it waits.
        ended_commit: commit number of its release or refusal.
        detail: records of the change, and the decisions that hold it.
    """

    id: int
    kind: str
    fingerprint: str
    status: str
    commit_no: int
    ended_commit: int | None
    detail: dict[str, Any]


def _hold_of(row: AnyRow) -> Hold:
    return Hold(
        id=row.id,
        kind=row.kind,
        fingerprint=row.fingerprint,
        status=row.status,
        commit_no=row.commit_no,
        ended_commit=row.ended_commit,
        detail=orjson.loads(row.detail),
    )


class Proposals:
    """Repository of re-cluster proposals and of held changes of persons."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, proposal: Proposal, items: Iterable[ProposalItem]) -> None:
        """Add a re-cluster proposal with its proposed changes."""
        self._connection.execute(
            insert(_proposal).values(
                id=proposal.id,
                status=proposal.status,
                model=proposal.model,
                config_digest=proposal.config_digest,
                model_before=proposal.model_before,
                on_date=proposal.on_date,
                commit_no=proposal.commit_no,
            )
        )
        rows = [
            {
                "proposal_id": proposal.id,
                "no": item.no,
                "fingerprint": item.fingerprint,
                "kind": item.kind,
                "status": item.status,
                "detail": orjson.dumps(item.detail).decode(),
            }
            for item in items
        ]
        if rows:
            self._connection.execute(insert(_item), rows)

    def get(self, number: int) -> Proposal | None:
        """Return a re-cluster proposal by number, or None."""
        if abs(number) > MAX_BIGINT:
            return None
        row = self._connection.execute(select(_proposal).where(_proposal.c.id == number)).first()
        return None if row is None else Proposal(*row)

    def all(self) -> list[Proposal]:
        """Return every re-cluster proposal, newest first."""
        rows = self._connection.execute(select(_proposal).order_by(_proposal.c.id.desc()))
        return [Proposal(*row) for row in rows]

    def items(self, number: int) -> list[ProposalItem]:
        """Return the proposed changes of a re-cluster proposal, in order."""
        rows = self._connection.execute(
            select(_item).where(_item.c.proposal_id == number).order_by(_item.c.no)
        )
        return [
            ProposalItem(
                no=row.no,
                fingerprint=row.fingerprint,
                kind=row.kind,
                status=row.status,
                detail=orjson.loads(row.detail),
            )
            for row in rows
        ]

    def set_status(
        self, number: int, status: ProposalStatus, *, applied: int | None = None, ended: int | None = None
    ) -> None:
        """Set a re-cluster proposal's status, with the commit of applying or ending."""
        values: dict[str, Any] = {"status": status.value}
        values |= {} if applied is None else {"applied_commit": applied}
        values |= {} if ended is None else {"ended_commit": ended}
        self._connection.execute(update(_proposal).where(_proposal.c.id == number).values(**values))

    def set_applied(self, number: int, commit_no: int, model_before: str) -> None:
        """Record by which commit and from which model a proposal was applied."""
        self._connection.execute(
            update(_proposal)
            .where(_proposal.c.id == number)
            .values(applied_commit=commit_no, model_before=model_before)
        )

    def set_items(self, number: int, items: Iterable[int], status: str) -> None:
        """Set the status of changes in a re-cluster proposal."""
        rows = [{"item": item} for item in items]
        if rows:
            self._connection.execute(
                update(_item)
                .where(_item.c.proposal_id == number, _item.c.no == bindparam("item"))
                .values(status=status),
                rows,
            )

    def item_numbers_by_fingerprint(self, number: int) -> dict[str, int]:
        """Return the numbers of a re-cluster proposal's changes, by fingerprint.

        A fingerprint identifies the records and persons of a change.
        """
        rows = self._connection.execute(
            select(_item.c.fingerprint, _item.c.no).where(_item.c.proposal_id == number)
        )
        return {row.fingerprint: row.no for row in rows}

    def item_counts(self, number: int) -> dict[str, int]:
        """Count the changes in a re-cluster proposal, by status."""
        rows = self._connection.execute(
            select(_item.c.status, func.count()).where(_item.c.proposal_id == number).group_by(_item.c.status)
        )
        return {row[0]: row[1] for row in rows}

    def open_items(self, number: int) -> list[int]:
        """Return the numbers of a re-cluster proposal's open changes."""
        rows = self._connection.execute(
            select(_item.c.no).where(_item.c.proposal_id == number, _item.c.status == "open")
        )
        return [row[0] for row in rows]

    def add_hold(self, hold: Hold) -> None:
        """Add a computed change of persons that waits for release or refusal."""
        self._connection.execute(
            insert(_hold).values(
                id=hold.id,
                kind=hold.kind,
                fingerprint=hold.fingerprint,
                status=hold.status,
                commit_no=hold.commit_no,
                detail=orjson.dumps(hold.detail).decode(),
            )
        )

    def holds(self, *, open_only: bool = True) -> list[Hold]:
        """Return held changes of persons, oldest first."""
        statement = select(_hold).order_by(_hold.c.id)
        rows = self._connection.execute(statement.where(_hold.c.status == "open") if open_only else statement)
        return [_hold_of(row) for row in rows]

    def select_open_holds(self, numbers: Collection[int]) -> list[Hold]:
        """Return those of the numbered held changes that still wait."""
        rows = self._connection.execute(
            select(_hold).where(is_in(_hold.c.id, numbers), _hold.c.status == "open")
        )
        return [_hold_of(row) for row in rows]

    def end_hold(self, number: int, status: str, commit_no: int) -> None:
        """Record that a held change of persons was released or refused."""
        self._connection.execute(
            update(_hold).where(_hold.c.id == number).values(status=status, ended_commit=commit_no)
        )

    def reopen_hold(self, number: int) -> None:
        """Let a released or refused change of persons wait again."""
        self._connection.execute(
            update(_hold).where(_hold.c.id == number).values(status="open", ended_commit=None)
        )

"""Re-clusters to be read before they are applied, and what of them is held."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, func, insert, select, update

from mpi.storage.driver.chunks import MAX_BIGINT
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import HoldRow, ProposalItemRow, ProposalRow

_hold = HoldRow.__table__  # type: ignore[attr-defined]
_item = ProposalItemRow.__table__  # type: ignore[attr-defined]
_proposal = ProposalRow.__table__  # type: ignore[attr-defined]


class ProposalStatus(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPLYING = "applying"
    APPLIED = "applied"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A re-cluster to be read.

    Args:
        id: its number.
        status: where it stands.
        model: the model that it was made with, ``name/version``.
        config_digest: the configuration that applying puts in force.
        model_before: the model in force when it was made, or just before it was applied.
        on_date: the plan's date, on which the survivor rule asks for open enrolments.
        commit_no: when it was made.
        applied_commit: when it was applied.
        ended_commit: when it was rejected or rolled back.
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
    """One change of a proposal.

    Args:
        no: its number within the proposal, from 1.
        fingerprint: names the records, as they are grouped before and after, and who bears them.
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
    """A computed change that waits for a person.

    Args:
        id: its number.
        kind: why it waits, such as ``proposal``.
        fingerprint: of the change.
        status: ``open``, ``released`` or ``refused``.
        commit_no: since when.
        ended_commit: until when.
        detail: what it is about, and the decisions that hold it.
    """

    id: int
    kind: str
    fingerprint: str
    status: str
    commit_no: int
    ended_commit: int | None
    detail: dict[str, Any]


def _hold_of(row: Any) -> Hold:  # noqa: ANN401 - a row of the table
    return Hold(
        row.id,
        row.kind,
        row.fingerprint,
        row.status,
        row.commit_no,
        row.ended_commit,
        orjson.loads(row.detail),
    )


class Proposals:
    """What is proposed, and what is held."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, proposal: Proposal, items: Iterable[ProposalItem]) -> None:
        """Add a proposal with its items."""
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
        """A proposal by its number."""
        if abs(number) > MAX_BIGINT:
            return None
        row = self._connection.execute(select(_proposal).where(_proposal.c.id == number)).first()
        return None if row is None else Proposal(*row)

    def all(self) -> list[Proposal]:
        """Every proposal, newest first."""
        rows = self._connection.execute(select(_proposal).order_by(_proposal.c.id.desc()))
        return [Proposal(*row) for row in rows]

    def items(self, number: int) -> list[ProposalItem]:
        """The items of a proposal."""
        rows = self._connection.execute(
            select(_item).where(_item.c.proposal_id == number).order_by(_item.c.no)
        )
        return [ProposalItem(row.no, row.fingerprint, row.kind, row.status, orjson.loads(row.detail)) for row in rows]

    def set_status(
        self, number: int, status: ProposalStatus, *, applied: int | None = None, ended: int | None = None
    ) -> None:
        """Note that a proposal was applied, rejected or rolled back."""
        values: dict[str, Any] = {"status": status.value}
        values |= {} if applied is None else {"applied_commit": applied}
        values |= {} if ended is None else {"ended_commit": ended}
        self._connection.execute(update(_proposal).where(_proposal.c.id == number).values(**values))

    def set_applied(self, number: int, commit_no: int, model_before: str) -> None:
        """Note which commit put a proposal's configuration in force, and in the place of which model's."""
        self._connection.execute(
            update(_proposal)
            .where(_proposal.c.id == number)
            .values(applied_commit=commit_no, model_before=model_before)
        )

    def set_items(self, number: int, items: Iterable[int], status: str) -> None:
        """Note what became of items."""
        rows = [{"item": item} for item in items]
        if rows:
            self._connection.execute(
                update(_item)
                .where(_item.c.proposal_id == number, _item.c.no == bindparam("item"))
                .values(status=status),
                rows,
            )

    def item_numbers_by_fingerprint(self, number: int) -> dict[str, int]:
        """The items of a proposal by their fingerprint."""
        rows = self._connection.execute(
            select(_item.c.fingerprint, _item.c.no).where(_item.c.proposal_id == number)
        )
        return {row.fingerprint: row.no for row in rows}

    def item_counts(self, number: int) -> dict[str, int]:
        """How many items of a proposal have each status."""
        rows = self._connection.execute(
            select(_item.c.status, func.count()).where(_item.c.proposal_id == number).group_by(_item.c.status)
        )
        return {row[0]: row[1] for row in rows}

    def open_items(self, number: int) -> list[int]:
        """Items of which nothing has become yet."""
        rows = self._connection.execute(
            select(_item.c.no).where(_item.c.proposal_id == number, _item.c.status == "open")
        )
        return [row[0] for row in rows]

    def add_hold(self, hold: Hold) -> None:
        """Hold a change."""
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
        """What is held, oldest first."""
        statement = select(_hold).order_by(_hold.c.id)
        rows = self._connection.execute(statement.where(_hold.c.status == "open") if open_only else statement)
        return [_hold_of(row) for row in rows]

    def select_open_holds(self, numbers: Collection[int]) -> list[Hold]:
        """Those of some holds that are still open."""
        rows = self._connection.execute(
            select(_hold).where(is_in(_hold.c.id, numbers), _hold.c.status == "open")
        )
        return [_hold_of(row) for row in rows]

    def end_hold(self, number: int, status: str, commit_no: int) -> None:
        """Note that a hold was released or refused."""
        self._connection.execute(
            update(_hold).where(_hold.c.id == number).values(status=status, ended_commit=commit_no)
        )

    def reopen_hold(self, number: int) -> None:
        """Note that a hold waits again."""
        self._connection.execute(
            update(_hold).where(_hold.c.id == number).values(status="open", ended_commit=None)
        )

"""Repository of decisions as a partition reads them: in force, or waiting."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, or_, select

from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.tables import AwaitedRow, DecisionMemberRow, DecisionRow, RecordRow, table_of

_pending_approval = table_of(AwaitedRow)
_decision = table_of(DecisionRow)
_member = table_of(DecisionMemberRow)
_record = table_of(RecordRow)


@dataclass(frozen=True, slots=True)
class NamedDecision:
    """A decision in force with its records, as clustering reads it.

    Args:
        decision: the decision, with its records given by canonical keys.
        record_ids: every record that it names.
        recheck_on: day of its recheck, ``YYYY-MM-DD``.
        evidence: for UNSURE, match weight in bits seen by its maker, by (lower, higher) record number;
            else empty.
    """

    decision: Decision
    record_ids: frozenset[int]
    recheck_on: str | None = None
    evidence: tuple[tuple[tuple[int, int], float], ...] = ()


@dataclass(frozen=True, slots=True)
class WaitingDecision:
    """A claim to be judged, or a decision awaiting a second approver.

    Args:
        id: number of the decision.
        status: ``review`` for a claim, ``awaiting`` if the decision is to be made; otherwise it is to be
            revoked.
        step_id: step that waits; None for a claim.
        members: all records that it names, ascending.
    """

    id: int
    status: DecisionStatus
    step_id: int | None
    members: tuple[int, ...]


def _select_with_members(numbers: Select[int]) -> Select[Any]:
    return (
        select(
            _decision.c.id,
            _decision.c.kind,
            _decision.c.authority,
            _decision.c.recheck_on,
            _member.c.group_no,
            _member.c.record_id,
            _record.c.canonical_key,
        )
        .join(_member, _member.c.decision_id == _decision.c.id)
        .join(_record, _record.c.id == _member.c.record_id)
        .where(_decision.c.id.in_(numbers))
        .order_by(_decision.c.id, _member.c.group_no, _record.c.canonical_key)
    )


# Module constants: composing a statement costs more than SQLite takes to run it.
_IN_FORCE = _select_with_members(select(_decision.c.id).where(_decision.c.status == DecisionStatus.IN_FORCE))
_IN_FORCE_ABOUT_RECORDS = _select_with_members(
    select(_decision.c.id)
    .join(_member, _member.c.decision_id == _decision.c.id)
    .where(_decision.c.status == DecisionStatus.IN_FORCE, is_in(_member.c.record_id, "ids"))
)
_IS_WAITING = or_(_decision.c.status == DecisionStatus.REVIEW.value, _pending_approval.c.second)
_WITH_STATUS = (
    select(_member.c.decision_id, _member.c.record_id, _decision.c.status, _pending_approval.c.step_id)
    .join(_decision, _decision.c.id == _member.c.decision_id)
    .outerjoin(_pending_approval, _pending_approval.c.decision_id == _decision.c.id)
    .order_by(_member.c.decision_id, _member.c.record_id)
)
_ALL_WAITING = _WITH_STATUS.where(_IS_WAITING)
_WAITING_ABOUT_RECORDS = _WITH_STATUS.where(
    _member.c.decision_id.in_(
        select(_member.c.decision_id)
        .join(_decision, _decision.c.id == _member.c.decision_id)
        .outerjoin(_pending_approval, _pending_approval.c.decision_id == _decision.c.id)
        .where(_IS_WAITING, is_in(_member.c.record_id, "ids"))
    )
)


class DecisionsInForce:
    """Repository of decisions in force and of those that wait.

    A claim waits for a steward to judge it, other decisions for a second approver.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all_in_force(self) -> list[NamedDecision]:
        """Return every decision in force."""
        return self._decisions_from_rows(self._connection.execute(_IN_FORCE).all())

    def in_force_about(self, record_ids: Collection[int]) -> list[NamedDecision]:
        """Return decisions in force that name any of the records."""
        decisions: dict[int, NamedDecision] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_IN_FORCE_ABOUT_RECORDS, {"ids": chunk}).all()
            decisions.update({named.decision.id: named for named in self._decisions_from_rows(rows)})
        return [decisions[number] for number in sorted(decisions)]

    def prefetch_in_force_about(self, record_ids: Collection[int]) -> None:
        """Send the query of ``in_force_about`` ahead of its use."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _IN_FORCE_ABOUT_RECORDS, {"ids": chunk})

    def waiting_about(self, record_ids: Collection[int] | None) -> list[WaitingDecision]:
        """Return claims and unapproved decisions about records.

        Args:
            record_ids: the records; None for all.
        """
        waiting: dict[int, tuple[DecisionStatus, int | None, list[int]]] = {}
        queries = (
            [(_ALL_WAITING, {})]
            if record_ids is None
            else [(_WAITING_ABOUT_RECORDS, {"ids": chunk}) for chunk in iter_chunks(record_ids)]
        )
        for statement, parameters in queries:
            for row in self._connection.execute(statement, parameters):
                head = DecisionStatus(row.status), row.step_id
                _, _, members = waiting.setdefault(row.decision_id, (*head, []))
                if row.record_id not in members:
                    members.append(row.record_id)
        return [
            WaitingDecision(number, status, step, tuple(members))
            for number, (status, step, members) in sorted(waiting.items())
        ]

    def prefetch_waiting_about(self, record_ids: Collection[int]) -> None:
        """Send the query of ``waiting_about`` ahead of its use."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _WAITING_ABOUT_RECORDS, {"ids": chunk})

    def _decisions_from_rows(self, rows: Sequence[Row[Any]]) -> list[NamedDecision]:
        heads: dict[int, tuple[str, int, str | None]] = {}
        groups: dict[int, dict[int, list[int]]] = {}
        records: dict[int, set[int]] = {}
        for row in rows:
            heads[row.id] = (row.kind, row.authority, row.recheck_on)
            groups.setdefault(row.id, {}).setdefault(row.group_no, []).append(row.canonical_key)
            records.setdefault(row.id, set()).add(row.record_id)
        unsure = [number for number, (kind, _, _) in heads.items() if kind == DecisionKind.UNSURE]
        seen = self._read_seen_bits(unsure)
        return [
            NamedDecision(
                Decision(
                    number,
                    DecisionKind(kind),
                    Authority(authority),
                    tuple(tuple(group) for group in groups[number].values()),
                ),
                frozenset(records[number]),
                recheck_on,
                seen.get(number, ()),
            )
            for number, (kind, authority, recheck_on) in heads.items()
        ]

    def _read_seen_bits(self, numbers: list[int]) -> dict[int, tuple[tuple[tuple[int, int], float], ...]]:
        seen = {}
        for chunk in iter_chunks(numbers):
            rows = self._connection.execute(
                select(_decision.c.id, _decision.c.evidence).where(_decision.c.id.in_(chunk))
            )
            for row in rows:
                pairs = orjson.loads(row.evidence).get("pairs", ())
                seen[row.id] = tuple((tuple(pair["records"]), pair["bits"]) for pair in pairs)
        return seen

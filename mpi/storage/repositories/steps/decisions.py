"""Repository of every decision ever made, of any status."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, insert, select, update

from mpi.domain.decision import Authority, DecisionKind
from mpi.storage.driver.chunks import MAX_BIGINT, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.tables import DecisionMemberRow, DecisionRow, DecisionSupersedesRow, RecordRow, table_of

_decision = table_of(DecisionRow)
_member = table_of(DecisionMemberRow)
_record = table_of(RecordRow)
_supersedes = table_of(DecisionSupersedesRow)


class DecisionStatus(StrEnum):
    """Status of a decision whether records are one person.

    ``review`` is a claim that a steward must judge; ``awaiting`` means that consents or approvals are
    outstanding.
    """

    IN_FORCE = "in_force"
    PENDING = "pending"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    REVIEW = "review"
    AWAITING = "awaiting"


_ORIGINS_BY_RECORD = select(_decision.c.asserting_record, _decision.c.origin).where(
    is_in(_decision.c.asserting_record, "ids")
)


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision whether records are one person, as stored, of any status.

    Args:
        id: number of the decision.
        kind: SAME, DIFFERENT or UNSURE.
        authority: rank of its author.
        status: status of the decision.
        commit_no: commit number of its making.
        ended_commit: commit number of its revocation or replacement, if it is ended now.
        effective_from: day from which it is in force, if not at once; of what a source states of its local
            IDs, the day on which it did so at the source.
        reason: reason code of its maker.
        recheck_on: day of its recheck.
        evidence: model, and bits and levels of each pair, as its maker saw them.
        step_id: step that made it.
        origin: kind of the step that made the decision.
        groups: record numbers, by group.
        seen: version of each record that its maker saw; None for a withdrawn record.
        supersedes: decisions that it replaced.
        asserting_record: record whose source asserted it.
    """

    id: int
    kind: DecisionKind
    authority: Authority
    status: DecisionStatus
    commit_no: int
    ended_commit: int | None
    effective_from: str | None
    reason: str
    recheck_on: str | None
    evidence: dict[str, Any]
    step_id: int | None
    origin: str | None
    groups: tuple[tuple[int, ...], ...]
    seen: dict[int, int | None]
    supersedes: tuple[int, ...]
    asserting_record: int | None = None


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision whether records are one person, to be stored.

    Args:
        id: number of the decision.
        kind: SAME, DIFFERENT or UNSURE.
        authority: rank of its author.
        status: in force, or pending.
        groups: record numbers, by group.
        seen: version of each record that its maker sees.
        reason: reason code of its maker.
        evidence: evidence as its maker saw it.
        config_id: configuration of the evidence.
        step_id: step that makes it.
        origin: kind of the step that makes the decision.
        effective_from: day from which it is in force, or on which its source did what it states.
        recheck_on: day of its recheck.
        asserting_record: record whose source asserts it.
    """

    id: int
    kind: DecisionKind
    authority: Authority
    status: DecisionStatus
    groups: tuple[tuple[int, ...], ...]
    seen: dict[int, int | None]
    reason: str
    evidence: dict[str, Any]
    config_id: int
    step_id: int
    origin: str
    effective_from: str | None = None
    recheck_on: str | None = None
    asserting_record: int | None = None

    @property
    def record_ids(self) -> frozenset[int]:
        """Every record that the new decision names."""
        return frozenset(record for group in self.groups for record in group)


class Decisions:
    """Repository of decisions whether records are one person.

    Attributes:
        changed_ids: decisions that this transaction made, or whose status it changed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.changed_ids: set[int] = set()

    def by_ids(self, numbers: Collection[int]) -> dict[int, StoredDecision]:
        """Return decisions by number, of any status."""
        decisions: dict[int, StoredDecision] = {}
        for chunk in iter_chunks([number for number in numbers if abs(number) <= MAX_BIGINT]):
            decisions.update(self._read_decisions(_decision.c.id.in_(chunk)))
        return decisions

    def of_records(self, record_ids: Collection[int]) -> dict[int, StoredDecision]:
        """Return every decision that names any of the records."""
        numbers: set[int] = set()
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_member.c.decision_id).where(_member.c.record_id.in_(chunk)).distinct()
            )
            numbers.update(row[0] for row in rows)
        return self.by_ids(numbers)

    def latest(self, below: int | None, limit: int) -> list[StoredDecision]:
        """Return decisions, newest first; given a number, only those before it."""
        statement = select(_decision.c.id).order_by(_decision.c.id.desc()).limit(limit)
        if below is not None:
            statement = statement.where(_decision.c.id < below)
        numbers = [row[0] for row in self._connection.execute(statement)]
        decisions = self.by_ids(numbers)
        return [decisions[number] for number in numbers if number in decisions]

    def of_step(self, step_id: int) -> list[StoredDecision]:
        """Return the decisions that a steward's step made."""
        return list(self._read_decisions(_decision.c.step_id == step_id).values())

    def assertions_of_record(
        self, record_id: int, origin: str, *, revoked: bool = False
    ) -> list[StoredDecision]:
        """Return decisions that a record's source asserted by steps of one kind.

        Args:
            record_id: record with which they were asserted.
            origin: kind of the step.
            revoked: whether revoked ones are included.
        """
        return [
            decision
            for decision in self._read_decisions(_decision.c.asserting_record == record_id).values()
            if decision.origin == origin and (revoked or decision.status != DecisionStatus.REVOKED)
        ]

    def assertions_of_records(
        self, record_ids: Collection[int], origins: Collection[str]
    ) -> list[StoredDecision]:
        """Return decisions of any status that the sources of records asserted.

        Args:
            record_ids: records with which they were asserted.
            origins: kinds of the steps that asserted them.
        """
        decisions: dict[int, StoredDecision] = {}
        for chunk in iter_chunks(record_ids):
            decisions |= self._read_decisions(
                is_in(_decision.c.asserting_record, chunk) & _decision.c.origin.in_(origins)
            )
        return [decisions[number] for number in sorted(decisions)]

    def latest_of_source(
        self, source_id: int, origins: Collection[str], before: int | None, limit: int
    ) -> list[StoredDecision]:
        """Return decisions that a source asserted, newest first.

        Args:
            source_id: number of the source.
            origins: kinds of the steps that asserted them.
            before: only decisions with lower numbers; None for the newest.
            limit: most decisions to return.
        """
        query = (
            select(_decision.c.id)
            .join(_record, _record.c.id == _decision.c.asserting_record)
            .where(_record.c.source_id == source_id, _decision.c.origin.in_(origins))
            .order_by(_decision.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(_decision.c.id < before)
        numbers = [row[0] for row in self._connection.execute(query)]
        decisions = self.by_ids(numbers)
        return [decisions[number] for number in numbers]

    def records_by_origin(self, record_ids: Collection[int]) -> dict[str, set[int]]:
        """Return records whose source asserted decisions, by kind of step."""
        records: dict[str, set[int]] = {}
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_ORIGINS_BY_RECORD, {"ids": chunk}):
                records.setdefault(row.origin, set()).add(row.asserting_record)
        return records

    def records_with_claims(self, source_ids: Collection[int]) -> set[int]:
        """Return sources' unsealed records with which an unjudged claim was made."""
        query = (
            select(_decision.c.asserting_record)
            .join(_record, _record.c.id == _decision.c.asserting_record)
            .where(
                _decision.c.status == DecisionStatus.REVIEW,
                _record.c.source_id.in_(source_ids),
                _record.c.state != RecordState.SEALED,
            )
        )
        return {row.asserting_record for row in self._connection.execute(query)}

    def restated_versions(self, numbers: Collection[int]) -> list[tuple[int, int, int]]:
        """Return records that have changed since a decision about them was made.

        Returns:
            (decision, version seen, version now), for active records.
        """
        restated: list[tuple[int, int, int]] = []
        for chunk in iter_chunks(numbers):
            rows = self._connection.execute(
                select(_member.c.decision_id, _member.c.version_id_seen, _record.c.version_id)
                .join(_record, _record.c.id == _member.c.record_id)
                .where(
                    _member.c.decision_id.in_(chunk),
                    _member.c.version_id_seen.is_not(None),
                    _record.c.state == RecordState.ACTIVE,
                    _record.c.version_id != _member.c.version_id_seen,
                )
            )
            restated += [(row[0], row[1], row[2]) for row in rows]
        return restated

    def pending_until(self, day: str) -> list[StoredDecision]:
        """Return pending decisions that come into force by a day."""
        decisions = self._read_decisions(
            (_decision.c.status == DecisionStatus.PENDING) & (_decision.c.effective_from <= day)
        )
        return list(decisions.values())

    def ids_with_status(self, status: DecisionStatus) -> list[int]:
        """Return the numbers of decisions of a status, ascending."""
        query = select(_decision.c.id).where(_decision.c.status == status.value).order_by(_decision.c.id)
        return [row.id for row in self._connection.execute(query)]

    def iterate_all(self) -> Iterator[StoredDecision]:
        """Yield every decision ever made, of any status, by number."""
        query = select(_decision.c.id).order_by(_decision.c.id)
        for chunk in iter_chunks([row.id for row in self._connection.execute(query)]):
            yield from self.by_ids(chunk).values()

    def add(self, decision: NewDecision, commit_no: int) -> None:
        """Add a decision with the records that it names."""
        self.changed_ids.add(decision.id)
        self._connection.execute(
            insert(_decision).values(
                id=decision.id,
                kind=decision.kind.value,
                authority=int(decision.authority),
                status=decision.status.value,
                commit_no=commit_no,
                effective_from=decision.effective_from,
                reason=decision.reason,
                recheck_on=decision.recheck_on,
                evidence=orjson.dumps(decision.evidence).decode(),
                config_id=decision.config_id,
                step_id=decision.step_id,
                origin=decision.origin,
                asserting_record=decision.asserting_record,
            )
        )
        self._connection.execute(
            insert(_member),
            [
                {
                    "decision_id": decision.id,
                    "record_id": record,
                    "group_no": place,
                    "version_id_seen": decision.seen.get(record),
                }
                for place, group in enumerate(decision.groups)
                for record in group
            ],
        )

    def supersede(
        self, number: int, superseded: Collection[int], commit_no: int, *, binding: bool = True
    ) -> None:
        """Record that a new decision replaces earlier ones.

        Args:
            number: number of the decision.
            superseded: decisions that it replaces.
            commit_no: commit number of the replacement.
            binding: whether the new decision is in force. Otherwise the earlier ones stay in force.
        """
        if superseded:
            self._connection.execute(
                insert(_supersedes),
                [{"decision_id": number, "superseded_id": old} for old in sorted(set(superseded))],
            )
            if binding:
                self.set_status(superseded, DecisionStatus.SUPERSEDED, commit_no)

    def superseders(self, number: int) -> set[int]:
        """Return the decisions that replaced a decision."""
        rows = self._connection.execute(
            select(_supersedes.c.decision_id).where(_supersedes.c.superseded_id == number)
        )
        return {row[0] for row in rows}

    def set_status(self, numbers: Iterable[int], status: DecisionStatus, ended: int | None) -> None:
        """Set the status of decisions, and the commit of their end."""
        ascending = sorted(numbers)
        self.changed_ids.update(ascending)
        for chunk in iter_chunks(ascending):
            self._connection.execute(
                update(_decision)
                .where(_decision.c.id.in_(chunk))
                .values(status=status.value, ended_commit=ended)
            )

    def set_effective_day(self, numbers: Iterable[int], day: str) -> None:
        """Set the day from which pending decisions are in force."""
        for chunk in iter_chunks(sorted(numbers)):
            self._connection.execute(
                update(_decision).where(_decision.c.id.in_(chunk)).values(effective_from=day)
            )

    def _read_decisions(self, condition: ColumnElement[bool]) -> dict[int, StoredDecision]:
        heads = self._connection.execute(select(_decision).where(condition).order_by(_decision.c.id)).all()
        numbers = [row.id for row in heads]
        groups: dict[int, dict[int, list[int]]] = {}
        seen: dict[int, dict[int, int | None]] = {}
        superseded: dict[int, list[int]] = {}
        for chunk in iter_chunks(numbers):
            members = self._connection.execute(
                select(_member)
                .where(_member.c.decision_id.in_(chunk))
                .order_by(_member.c.group_no, _member.c.record_id)
            )
            for row in members:
                groups.setdefault(row.decision_id, {}).setdefault(row.group_no, []).append(row.record_id)
                seen.setdefault(row.decision_id, {})[row.record_id] = row.version_id_seen
            replaced = self._connection.execute(
                select(_supersedes).where(_supersedes.c.decision_id.in_(chunk))
            )
            for row in replaced:
                superseded.setdefault(row.decision_id, []).append(row.superseded_id)
        return {
            row.id: StoredDecision(
                id=row.id,
                kind=DecisionKind(row.kind),
                authority=Authority(row.authority),
                status=DecisionStatus(row.status),
                commit_no=row.commit_no,
                ended_commit=row.ended_commit,
                effective_from=row.effective_from,
                reason=row.reason,
                recheck_on=row.recheck_on,
                evidence=orjson.loads(row.evidence),
                step_id=row.step_id,
                origin=row.origin,
                groups=tuple(tuple(group) for group in groups.get(row.id, {}).values()),
                seen=seen.get(row.id, {}),
                supersedes=tuple(sorted(superseded.get(row.id, ()))),
                asserting_record=row.asserting_record,
            )
            for row in heads
        }

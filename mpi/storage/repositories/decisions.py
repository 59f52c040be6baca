"""Decisions in force, over records by number."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Select, select

from mpi.domain.decision import Authority, Decision, DecisionKind
from mpi.storage.repositories.chunks import chunked
from mpi.storage.tables import DecisionMemberRow, DecisionRow, RecordRow

_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_member = DecisionMemberRow.__table__  # type: ignore[attr-defined]
_record = RecordRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class NamedDecision:
    """A decision in force, by canonical keys, with the numbers of the records that it names."""

    decision: Decision
    record_ids: frozenset[int]


class Decisions:
    """What people and sources have decided."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def in_force(self) -> list[NamedDecision]:
        """Every decision in force."""
        return self._load(select(_decision.c.id).where(_decision.c.status == "in_force"))

    def naming(self, record_ids: Collection[int]) -> list[NamedDecision]:
        """Decisions in force that name any of the records."""
        found: dict[int, NamedDecision] = {}
        for chunk in chunked(record_ids):
            numbers = (
                select(_decision.c.id)
                .join(_member, _member.c.decision_id == _decision.c.id)
                .where(_decision.c.status == "in_force", _member.c.record_id.in_(chunk))
            )
            found.update({named.decision.id: named for named in self._load(numbers)})
        return [found[number] for number in sorted(found)]

    def _load(self, numbers: Select[int]) -> list[NamedDecision]:
        rows = self._connection.execute(
            select(
                _decision.c.id,
                _decision.c.kind,
                _decision.c.authority,
                _member.c.group_no,
                _member.c.record_id,
                _record.c.canonical_key,
            )
            .join(_member, _member.c.decision_id == _decision.c.id)
            .join(_record, _record.c.id == _member.c.record_id)
            .where(_decision.c.id.in_(numbers))
            .order_by(_decision.c.id, _member.c.group_no, _record.c.canonical_key)
        ).all()
        heads: dict[int, tuple[str, int]] = {}
        groups: dict[int, dict[int, list[int]]] = {}
        records: dict[int, set[int]] = {}
        for row in rows:
            heads[row.id] = (row.kind, row.authority)
            groups.setdefault(row.id, {}).setdefault(row.group_no, []).append(row.canonical_key)
            records.setdefault(row.id, set()).add(row.record_id)
        return [
            NamedDecision(
                Decision(
                    number,
                    DecisionKind(kind),
                    Authority(authority),
                    tuple(tuple(group) for group in groups[number].values()),
                ),
                frozenset(records[number]),
            )
            for number, (kind, authority) in heads.items()
        ]

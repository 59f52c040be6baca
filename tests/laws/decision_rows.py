"""Decisions written as rows, with authorities and orders that the service would refuse."""

from sqlalchemy import insert, update

from mpi.domain.decision import Authority, DecisionKind
from mpi.service.core.stored_features import load_features
from mpi.service.resolution.closure import load_closure
from mpi.service.resolution.publication import publish
from mpi.service.resolution.resolve import get_plan_date
from mpi.service.resolution.settlement import settle
from mpi.storage.tables import DecisionMemberRow, DecisionRow
from tests.index import OPERATOR

_decision = DecisionRow.__table__
_member = DecisionMemberRow.__table__


def decide(index, kind: DecisionKind, authority: Authority, groups) -> int:
    """Insert a decision over groups of (source, local ID), apply it, and return its number."""
    with index.database.write(OPERATOR, "decision") as unit:
        number = unit.counters.take("decision")
        unit.decisions.changed_ids.add(number)
        numbered = [[_record_id(unit, *address) for address in group] for group in groups]
        unit.connection.execute(
            insert(_decision).values(
                id=number,
                kind=kind.value,
                authority=int(authority),
                status="in_force",
                commit_no=unit.commit_no,
                reason="test",
                evidence="{}",
            )
        )
        unit.connection.execute(
            insert(_member),
            [
                {"decision_id": number, "record_id": record, "group_no": position}
                for position, group in enumerate(numbered)
                for record in group
            ],
        )
        _settle_records(unit, index, {record for group in numbered for record in group})
    return number


def revoke(index, number: int) -> None:
    """Revoke a decision, and settle again."""
    with index.database.write(OPERATOR, "undo") as unit:
        [decision] = [d for d in unit.decisions_in_force.all_in_force() if d.decision.id == number]
        unit.connection.execute(
            update(_decision)
            .where(_decision.c.id == number)
            .values(status="revoked", ended_commit=unit.commit_no)
        )
        unit.decisions.changed_ids.add(number)
        _settle_records(unit, index, decision.record_ids)


def _record_id(unit, source: str, local_id: str) -> int:
    return unit.records.find_by_local_ids(unit.sources.get_by_code(source).id, [local_id])[local_id].id


def _settle_records(unit, index, records) -> None:
    config_id = index.config_id(unit)
    thresholds = index.matcher.model.thresholds
    scope = load_closure(unit, config_id, records, thresholds.influence_floor, thresholds.storage_floor)
    settlement = settle(
        unit,
        scope,
        lambda wanted: load_features(unit, config_id, wanted),
        index.matcher.scorer,
        thresholds,
        get_plan_date(),
    )
    publish(unit, settlement, "decision", test=index.settings.is_test)

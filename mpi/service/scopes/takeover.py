"""Takeover: write copies of records and decisions, and resolve them at once."""

from collections.abc import Sequence

from mpi.service.core.index import Index
from mpi.service.resolution.resolve import ResolveInputs, resolve
from mpi.service.resolution.source_assertions import AssertionEffect
from mpi.service.scopes.copies import DecisionCopy, RecordCopy
from mpi.service.scopes.decision_copies import DecisionCopyEffect, write_decisions
from mpi.service.scopes.record_copies import TRANSFER, write_records
from mpi.storage.unit_of_work.units import WriteUnit


def take_over(
    unit: WriteUnit,
    index: Index,
    scope: str,
    records: Sequence[RecordCopy],
    decisions: Sequence[DecisionCopy],
) -> int:
    """Write copies of records and decisions, and settle them once.

    Decisions are written when the records are indexed, since their evidence is read.

    Args:
        unit: a transaction of the shared index.
        index: the shared index.
        scope: code of the scope that holds the records and decisions.
        records: at most one copy of each record.
        decisions: at most one copy of each decision.

    Returns:
        The number of decisions that contradict one in force and became claims.
    """
    effect = write_records(unit, index, scope, records)
    decision_effect = DecisionCopyEffect()

    def write_assertions() -> AssertionEffect:
        nonlocal decision_effect
        decision_effect = write_decisions(unit, index, scope, decisions)
        return AssertionEffect(decision_effect.records, decision_effect.kept_records)

    inputs = ResolveInputs(further_records=effect.further, write_assertions=write_assertions)
    resolve(unit, index, effect.changed, effect.removed, TRANSFER, further_inputs=inputs)
    return decision_effect.contradictions

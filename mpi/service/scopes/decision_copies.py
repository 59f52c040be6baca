"""Decisions of a scope, written to the index that takes them over."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mpi.domain.decision import Authority
from mpi.domain.errors import DecisionConflict
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step
from mpi.service.decisions.decision_log import DecisionDraft, add_decision, revoke_decisions
from mpi.service.scopes.copies import DecisionCopy
from mpi.service.scopes.record_copies import TRANSFER
from mpi.storage.repositories.sources.scopes import ChangedItem
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import WriteUnit


@dataclass(slots=True)
class DecisionCopyEffect:
    """What copies of decisions change in the index that takes them over.

    Args:
        records: records to settle.
        contradictions: number of decisions that became claims.
    """

    records: set[int] = field(default_factory=set)
    contradictions: int = 0


def write_decisions(
    unit: WriteUnit, index: Index, scope: str, copies: Sequence[DecisionCopy]
) -> DecisionCopyEffect:
    """Write copies of another scope's decisions, without resolving their records.

    A decision that contradicts one in force here becomes a claim, which binds nothing and asks a steward. In
    its scope it stays in force.

    Args:
        unit: a transaction of the index that takes over, which holds the records already.
        index: that index.
        scope: code of the scope.
        copies: at most one copy of each decision.
    """
    known = unit.scopes.copies_of(scope, ChangedItem.DECISION, [copy.number for copy in copies])
    known.update({copy.number: copy.original for copy in copies if copy.original is not None})
    effect = DecisionCopyEffect()
    ended = [known[copy.number] for copy in copies if copy.number in known and not copy.is_in_force]
    effect.records |= _revoke_ended(unit, ended)
    for copy in copies:
        if not copy.is_in_force or copy.number in known:
            continue
        named = {number for group in copy.groups for number in group}
        records = unit.scopes.copies_of(scope, ChangedItem.RECORD, named)
        if records.keys() != named:
            continue  # it names a record that never counted, such as one that was always held
        draft = DecisionDraft(
            kind=copy.kind,
            groups=tuple(tuple(records[number] for number in group) for group in copy.groups),
            reason=copy.reason,
            origin=TRANSFER,
            authority=copy.authority,
            recheck_on=copy.recheck_on,
        )
        decision_id, is_claim = _add(unit, index, draft)
        effect.contradictions += is_claim
        effect.records |= draft.record_ids
        unit.scopes.add_copies(scope, ChangedItem.DECISION, {copy.number: decision_id})
    return effect


def _revoke_ended(unit: WriteUnit, numbers: Sequence[int]) -> set[int]:
    """Revoke the copies of decisions that bind no more; return their records."""
    ended = [
        decision
        for decision in unit.decisions.by_ids(numbers).values()
        if decision.status is not DecisionStatus.REVOKED
    ]
    revoke_decisions(unit, ended)
    return {record for decision in ended for record in decision.seen}


def _add(unit: WriteUnit, index: Index, draft: DecisionDraft) -> tuple[int, bool]:
    """Add a decision, or a claim where it contradicts another; return its number."""
    step_id = add_step(unit, TRANSFER, draft.reason, {})
    try:
        return add_decision(unit, index, step_id, draft), False
    except DecisionConflict:
        return add_decision(
            unit, index, step_id, replace(draft, is_claim=True, authority=Authority.SOURCE)
        ), True

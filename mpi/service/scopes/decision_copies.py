"""Decisions of a scope, written to the shared index."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from mpi.domain.decision import Authority
from mpi.domain.errors import DecisionConflict
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step
from mpi.service.decisions.decision_log import (
    DecisionDraft,
    add_decision,
    find_retained_records,
    revoke_decisions,
)
from mpi.service.scopes.copies import DecisionCopy
from mpi.service.scopes.record_copies import TRANSFER
from mpi.storage.repositories.sources.scopes import ChangedItem
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import WriteUnit


@dataclass(slots=True)
class ScopeStep:
    """A step of people in a scope, as its decisions show.

    Args:
        kinds: whether a decision is ended by it, and its kind as this decision tells it.
        record_ids: records here that its decisions name.
    """

    kinds: set[tuple[bool, str]] = field(default_factory=set)
    record_ids: set[int] = field(default_factory=set)

    @property
    def kind(self) -> str:
        """Kind of the step, by what it makes before what it ends."""
        return min(self.kinds)[1]


@dataclass(slots=True)
class DecisionCopyEffect:
    """What copies of decisions change in the shared index.

    Args:
        records: records to settle.
        kept_records: records that a person's ID stays with although a decision has ended, by person.
        contradictions: number of decisions that became claims.
        causes: steps of stewards that may have parted or joined records, by their commit in the scope.
        migration_steps: the step of imported decisions, by their reason.
    """

    records: set[int] = field(default_factory=set)
    kept_records: dict[int, frozenset[int]] = field(default_factory=dict)
    contradictions: int = 0
    causes: dict[int, ScopeStep] = field(default_factory=dict)
    migration_steps: dict[str, int] = field(default_factory=dict)

    def note_step(self, copy: DecisionCopy, record_ids: Collection[int], *, is_again: bool = False) -> None:
        """Note that a scope's step may change links of records here.

        Args:
            copy: the decision that it made or ended.
            record_ids: records here that the decision names.
            is_again: whether the decision was ended before, so that the step undid its end.
        """
        if copy.changed_by is not None:
            step = self.causes.setdefault(copy.changed_commit, ScopeStep())
            step.kinds.add((not copy.is_in_force, "undo" if is_again else copy.changed_by))
            step.record_ids.update(record_ids)


def write_decisions(
    unit: WriteUnit, index: Index, scope: str, copies: Sequence[DecisionCopy]
) -> DecisionCopyEffect:
    """Write copies of a scope's decisions, without resolving their records.

    A decision that contradicts one in force here becomes a claim, which binds nothing and asks a steward. In
    its scope it stays in force.

    Args:
        unit: a transaction of the shared index, which knows the records already.
        index: the shared index.
        scope: code of the scope.
        copies: at most one copy of each decision.
    """
    known = unit.scopes.copies_of(scope, ChangedItem.DECISION, [copy.number for copy in copies])
    stored = unit.decisions.by_ids(known.values())
    effect = DecisionCopyEffect()
    ended_copies = [
        copy
        for copy in copies
        if copy.number in known
        and not copy.is_in_force
        and stored[known[copy.number]].status is not DecisionStatus.REVOKED
    ]
    ended = [stored[known[copy.number]] for copy in ended_copies]
    revoke_decisions(unit, ended)
    for copy, decision in zip(ended_copies, ended, strict=True):
        effect.note_step(copy, decision.seen)
    effect.records |= {record for decision in ended for record in decision.seen}
    if ended:
        first_commit = min(decision.commit_no for decision in ended)
        effect.kept_records = find_retained_records(unit, effect.records, first_commit)
    for copy in copies:
        is_here = copy.number in known and stored[known[copy.number]].status is not DecisionStatus.REVOKED
        if not copy.is_in_force or is_here:
            continue
        written = _write(unit, index, scope, copy, effect)
        if written is None:
            continue
        decision_id, record_ids = written
        effect.note_step(copy, record_ids, is_again=copy.number in known)
        if copy.number in known:
            # It was ended in its scope, and is in force again.
            unit.scopes.replace_copy(scope, ChangedItem.DECISION, copy.number, decision_id)
        else:
            unit.scopes.add_copies(scope, ChangedItem.DECISION, {copy.number: decision_id})
    return effect


def _write(
    unit: WriteUnit, index: Index, scope: str, copy: DecisionCopy, effect: DecisionCopyEffect
) -> tuple[int, set[int]] | None:
    """Copy a decision in force; return its number and records here.

    None where it names a steward's correction, which is not taken over.
    """
    named = {number for group in copy.groups for number in group}
    records = unit.scopes.copies_of(scope, ChangedItem.RECORD, named)
    if records.keys() != named:
        return None
    draft = DecisionDraft(
        kind=copy.kind,
        groups=tuple(tuple(records[number] for number in group) for group in copy.groups),
        reason=copy.reason,
        origin=TRANSFER,
        authority=copy.authority,
        recheck_on=copy.recheck_on,
    )
    decision_id, is_claim = _add(unit, index, scope, draft, _add_step(unit, draft, effect))
    effect.contradictions += is_claim
    effect.records |= draft.record_ids
    return decision_id, draft.record_ids


def _add_step(unit: WriteUnit, draft: DecisionDraft, effect: DecisionCopyEffect) -> int:
    """Return the number of the step that makes a decision here.

    The decisions of an imported crosswalk share a step, as in their scope.
    """
    if draft.authority is not Authority.MIGRATION:
        return add_step(unit, TRANSFER, draft.reason, {})
    if draft.reason not in effect.migration_steps:
        effect.migration_steps[draft.reason] = add_step(unit, TRANSFER, draft.reason, {})
    return effect.migration_steps[draft.reason]


def _add(unit: WriteUnit, index: Index, scope: str, draft: DecisionDraft, step_id: int) -> tuple[int, bool]:
    """Add a decision, or a claim where it contradicts another.

    Decisions of one scope may contradict each other. Here as there, the partition suspends one of them.
    """
    try:
        return add_decision(unit, index, step_id, draft), False
    except DecisionConflict as conflict:
        chain = set(conflict.chain)
        if chain <= unit.scopes.select_copies(scope, ChangedItem.DECISION, chain):
            return add_decision(unit, index, step_id, draft, may_contradict=True), False
        claim = replace(draft, is_claim=True, authority=Authority.SOURCE)
        return add_decision(unit, index, step_id, claim), True

"""Takeover: write copies of records and decisions, and resolve them at once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.service.core.index import Index
from mpi.service.incidents.opening import PartingCause, open_incidents
from mpi.service.incidents.reversal import reverse_incidents
from mpi.service.indexing.pair_scorer import PairScorer
from mpi.service.resolution.resolve import ResolveInputs, resolve
from mpi.service.resolution.source_assertions import AssertionEffect
from mpi.service.scopes.copied_pairs import find_known_pairs
from mpi.service.scopes.copies import DecisionCopy, RecordCopy
from mpi.service.scopes.decision_copies import DecisionCopyEffect, write_decisions
from mpi.service.scopes.derived_copies import DerivedCopies
from mpi.service.scopes.record_copies import NOT_PACKED, TRANSFER, write_records
from mpi.service.statements.overlay_detection import OVERLAY
from mpi.storage.unit_of_work.units import WriteUnit


@dataclass(frozen=True, slots=True)
class TakeoverOptions:
    """How a page of many is taken over.

    Args:
        in_segment: whether new blocking keys go into a segment of the key index.
        open_scorer: returns a scorer for many pairs that stays open for further pages; None to open one for
            each page.
    """

    in_segment: bool = False
    open_scorer: Callable[[], PairScorer] | None = None


SINGLE_PAGE = TakeoverOptions()


def take_over(
    unit: WriteUnit,
    index: Index,
    scope: str,
    records: Sequence[RecordCopy],
    decisions: Sequence[DecisionCopy],
    derived: DerivedCopies | None = None,
    options: TakeoverOptions = SINGLE_PAGE,
) -> int:
    """Write copies of records and decisions, and settle them once.

    Decisions are written when the records are indexed, since their evidence is read.

    Args:
        unit: a transaction of the shared index.
        index: the shared index.
        scope: code of the scope that holds the records and decisions.
        records: at most one copy of each record.
        decisions: at most one copy of each decision.
        derived: what the scope has derived from the records; None where it must be computed.
        options: how a page of many is taken over.

    Returns:
        The number of decisions that contradict one in force and became claims.
    """
    packed = NOT_PACKED if derived is None else derived.packed
    effect = write_records(unit, index, scope, records, packed)
    decision_effect = DecisionCopyEffect()

    def write_assertions() -> AssertionEffect:
        nonlocal decision_effect
        decision_effect = write_decisions(unit, index, scope, decisions)
        return AssertionEffect(decision_effect.records, decision_effect.kept_records)

    known_pairs = find_known_pairs(
        unit, index, scope, derived, effect.changed, effect.removed, options.open_scorer
    )
    inputs = ResolveInputs(
        further_records=effect.further,
        known_pairs=replace(known_pairs, in_segment=options.in_segment),
        write_assertions=write_assertions,
    )
    settlement = resolve(unit, index, effect.changed, effect.removed, TRANSFER, further_inputs=inputs)
    if settlement is not None:
        causes = [PartingCause(step.kind, step.record_ids) for step in decision_effect.causes.values()]
        _settle_incidents(unit, index, scope, causes, effect.released, settlement.persons_before)
    return decision_effect.contradictions


def _settle_incidents(
    unit: WriteUnit,
    index: Index,
    scope: str,
    causes: Sequence[PartingCause],
    released_ids: Collection[int],
    before: Mapping[int, int],
) -> None:
    """Open and reverse the incidents of steps of people in the scope.

    They are of this index, since the link told somebody something here too. The transaction also stores how
    far the scope is taken over, so that no incident opens twice.

    Args:
        unit: the transaction, after publishing.
        index: the shared index.
        scope: code of the scope.
        causes: steps of which decisions tell.
        released_ids: records that a step found to describe another child.
        before: person of each resolved record before the transaction.
    """
    named = {record for cause in causes for record in cause.record_ids} | set(released_ids)
    persons = {before[record] for record in named if record in before}
    if not persons:
        return  # nobody was told of records that had no person here
    after = unit.persons.members(set(unit.persons.current_persons(named).values()))
    joined = {record for members in after.values() for record in members}
    touched = {record: person for record, person in before.items() if person in persons or record in joined}
    left_persons = {before[record] for record in released_ids if record in before}
    releases = [
        PartingCause(OVERLAY, [record for record, person in touched.items() if person == left_person])
        for left_person in sorted(left_persons)
    ]
    open_incidents(unit, index, [*causes, *releases], touched, scope)
    kinds = {cause.kind for cause in causes}
    reverse_incidents(unit, index, kinds.pop() if len(kinds) == 1 else "decision", touched, scope)

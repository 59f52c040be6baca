"""Takeover: write copies of records and decisions, and resolve them at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mpi.service.core.index import Index
from mpi.service.indexing.pair_scorer import PairScorer
from mpi.service.resolution.resolve import ResolveInputs, resolve
from mpi.service.resolution.source_assertions import AssertionEffect
from mpi.service.scopes.copied_pairs import find_known_pairs
from mpi.service.scopes.copies import DecisionCopy, RecordCopy
from mpi.service.scopes.decision_copies import DecisionCopyEffect, write_decisions
from mpi.service.scopes.derived_copies import DerivedCopies
from mpi.service.scopes.record_copies import NOT_PACKED, TRANSFER, write_records
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
    resolve(unit, index, effect.changed, effect.removed, TRANSFER, further_inputs=inputs)
    return decision_effect.contradictions

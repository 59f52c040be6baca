"""Stewards' corrections, stored as records that are never matched.

A SAME decision binds a correction to the one record that it corrects. The correction follows that record:
into another person by a split, out of sight by a seal.
"""

from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.decision import CORRECTION
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.service.core.visibility import visible_labels
from mpi.storage.repositories.review.report_releases import ERASURES
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


@dataclass(frozen=True, slots=True)
class Correction:
    """A steward's correction of a record's values, in force.

    Args:
        record: number of the correction, a record of the steward source.
        corrected: number of the record that it corrects.
        decision: number of the decision that binds the two.
    """

    record: int
    corrected: int
    decision: StoredDecision


def find_steward_source(unit: ReadUnit) -> Source | None:
    """Return the source of stewards' corrections; None before the first correction."""
    return next((source for source in unit.sources.all() if source.kind == STEWARD_SOURCE_KIND), None)


def find_corrections(unit: ReadUnit, record_ids: Collection[int]) -> list[Correction]:
    """Return corrections in force of those given records the viewer may see.

    Empty if the viewer may not see the stewards' source.
    """
    source = find_steward_source(unit)
    if source is None or not unit.viewer.may_see(source.code):
        return []
    return _corrections_of(unit, visible_labels(unit, record_ids))


def find_bound_records(unit: ReadUnit, record_id: int) -> set[int]:
    """Return the records that corrections in force join to a given record.

    These are a correction and the record that it corrects, the given record among them.
    """
    decisions = unit.decisions.of_records([record_id]).values()
    return {record for decision in decisions if _is_binding_correction(decision) for record in decision.seen}


def seal_corrections(unit: WriteUnit, record_ids: Collection[int]) -> None:
    """Seal the stewards' corrections of sealed records, in force or not.

    Frozen reports that may count the records are destroyed.
    """
    corrections = list_corrections_ever_made(unit, record_ids)
    unit.records.set_state(corrections, RecordState.SEALED)
    forget_in_reports(unit, [*record_ids, *corrections])


def forget_in_reports(unit: WriteUnit, record_ids: Collection[int]) -> None:
    """Destroy all stored reports on children, as records are sealed or destroyed."""
    if record_ids:
        # First, as it locks: whoever stores a report at the same time waits, or is seen below.
        unit.counters.take(ERASURES)
        unit.report_releases.forget_records(record_ids, clock.today())
        unit.report_snapshots.forget_records(record_ids)


def list_corrections_ever_made(unit: ReadUnit, record_ids: Collection[int]) -> list[int]:
    """Return all stewards' corrections ever made of records."""
    if find_steward_source(unit) is None:
        return []
    decisions = unit.decisions.of_records(record_ids).values()
    corrections = {
        record for decision in decisions if decision.origin == CORRECTION for record in decision.seen
    }
    return sorted(corrections.difference(record_ids))


def _corrections_of(unit: ReadUnit, record_ids: Collection[int]) -> list[Correction]:
    bound = []
    for decision in unit.decisions.of_records(record_ids).values():
        if _is_binding_correction(decision):
            [corrected] = [record for record in decision.seen if record in record_ids]
            [record] = decision.seen.keys() - {corrected}
            bound.append(Correction(record, corrected, decision))
    return sorted(bound, key=lambda correction: correction.record)


def _is_binding_correction(decision: StoredDecision) -> bool:
    return decision.origin == CORRECTION and decision.status is DecisionStatus.IN_FORCE

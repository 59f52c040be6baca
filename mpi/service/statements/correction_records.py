"""Stewards' corrections as they are kept: records that take no part in matching, bound by a SAME decision.

A correction is bound to the one record that it corrects, and goes where that goes: into another person with a
split, out of sight with a seal.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mpi.domain.decision import CORRECTION
from mpi.domain.survivorship import STEWARD_SOURCE_KIND
from mpi.service.core.visibility import visible_labels
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction that stands.

    Args:
        record: the steward source's record.
        corrected: the record that it is bound to.
        decision: what binds it.
    """

    record: int
    corrected: int
    decision: StoredDecision


def find_steward_source(unit: ReadUnit) -> Source | None:
    """The source of stewards' corrections; None before the first."""
    return next((source for source in unit.sources.all() if source.kind == STEWARD_SOURCE_KIND), None)


def find_corrections(unit: ReadUnit, record_ids: Collection[int]) -> list[Correction]:
    """The corrections in force of records that the viewer may see, which it may see as well."""
    source = find_steward_source(unit)
    if source is None or not unit.viewer.may_see(source.code):
        return []
    return _corrections_of(unit, visible_labels(unit, record_ids))


def find_bound_records(unit: ReadUnit, record_id: int) -> set[int]:
    """A correction in force, and the record that it is bound to."""
    made = unit.decisions.of_records([record_id]).values()
    return {record for one in made if _is_binding_correction(one) for record in one.seen}


def seal_corrections(unit: WriteUnit, record_ids: Mapping[int, str | None]) -> list[int]:
    """Seal the corrections of records that are sealed; returns those whose content is to be destroyed.

    Args:
        unit: the transaction.
        record_ids: ``sealed`` or ``expunged`` by record.
    """
    if find_steward_source(unit) is None:
        return []
    made = unit.decisions.of_records(record_ids).values()
    of = {record: one for one in made if one.origin == CORRECTION for record in one.seen}
    mine = [record for record in of if record not in record_ids]
    unit.records.set_state(mine, RecordState.SEALED)
    expunged = {record for record, kind in record_ids.items() if kind == "expunged"}
    return [record for record in mine if expunged & of[record].seen.keys()]


def _corrections_of(unit: ReadUnit, record_ids: Collection[int]) -> list[Correction]:
    found = []
    for one in unit.decisions.of_records(record_ids).values():
        if _is_binding_correction(one):
            [corrected] = [record for record in one.seen if record in record_ids]
            [record] = one.seen.keys() - {corrected}
            found.append(Correction(record, corrected, one))
    return sorted(found, key=lambda each: each.record)


def _is_binding_correction(decision: StoredDecision) -> bool:
    return decision.origin == CORRECTION and decision.status is DecisionStatus.IN_FORCE

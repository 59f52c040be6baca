"""Freeze rules: the first day on which a decision may take effect."""

from collections.abc import Collection

from mpi.domain import clock
from mpi.domain.decision import CORRECTION
from mpi.domain.errors import ConflictError
from mpi.service.gates.consents import find_person_records
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

FROZEN_SOURCES, WANTED_FROM = "frozen", "wanted_from"
"""Members of a step's detail: frozen sources, and the requested day."""


def find_visible_sources(
    unit: ReadUnit, record_ids: Collection[int], visible_sources: Collection[str] | None
) -> set[int]:
    """Return visible sources of the persons that hold some records.

    A delay for the sake of an unseen record would reveal that the record exists.

    Args:
        unit: the transaction.
        record_ids: numbers of the records.
        visible_sources: codes of the sources that the maker may see; None for all.
    """
    labels = unit.records.labels(find_person_records(unit, record_ids) | set(record_ids)).values()
    codes = {label.source for label in labels if visible_sources is None or label.source in visible_sources}
    return {source.id for source in unit.sources.all() if source.code in codes}


def find_first_free_day(unit: ReadUnit, source_ids: Collection[int], day: str) -> str:
    """Return the first day on which no source's freeze window is open.

    Args:
        unit: the transaction.
        source_ids: numbers of the sources.
        day: day from which to search; may itself be the answer.
    """
    for window in unit.freezes.current_windows_of(source_ids, day):
        if window.begins_on <= day < window.ends_on:
            day = window.ends_on
    return day


def require_not_frozen(unit: ReadUnit, decisions: Collection[StoredDecision]) -> None:
    """Require that no freeze window today protects decisions to be revoked.

    Raises:
        ConflictError: a source of their records is frozen today.
    """
    if not unit.freezes.all():
        return
    in_force = [decision for decision in decisions if decision.status is DecisionStatus.IN_FORCE]
    binding_decisions = [decision for decision in in_force if decision.origin != CORRECTION]
    today = clock.today()
    record_ids = {record for decision in binding_decisions for record in decision.seen}
    free_day = find_first_free_day(unit, find_visible_sources(unit, record_ids, unit.viewer.sources), today)
    if free_day > today:
        raise ConflictError(
            f"a source of these records is frozen until {free_day}: "
            "undo it then, or lift the freeze window first"
        )

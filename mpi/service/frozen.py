"""Frozen: from which day on what is decided of records may take effect."""

from collections.abc import Collection

from mpi.domain import clock
from mpi.domain.decision import CORRECTION
from mpi.domain.errors import ConflictError
from mpi.service.named import visible
from mpi.storage.repositories.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit import ReadUnit

FROZEN, WANTED = "frozen", "wanted_from"
"""Members of a step's detail: the sources whose windows it heeds, and the day that its maker asked for."""


def concerned(unit: ReadUnit, record_ids: Collection[int]) -> set[int]:
    """The sources of records and of those that are one person with them, as the viewer may know of them.

    What is held for the sake of records that the viewer may not see would tell that there are such.
    """
    persons = set(unit.persons.current(record_ids).values())
    fellows = {record for held in unit.persons.members(persons).values() for record in held}
    seen = visible(unit, fellows | set(record_ids))
    return {record.source_id for record in unit.records.get(seen).values()}


def free_from(unit: ReadUnit, source_ids: Collection[int], day: str) -> str:
    """The first day, from a day on, on which no window of the sources is open."""
    for window in unit.freezes.of(source_ids, day):
        if window.begins_on <= day < window.ends_on:
            day = window.ends_on
    return day


def require_thawed(unit: ReadUnit, decisions: Collection[StoredDecision]) -> None:
    """Pass what takes back decisions that no window keeps as they are.

    Raises:
        ConflictError: a source of their records is frozen today.
    """
    if not unit.freezes.all():
        return
    in_force = [one for one in decisions if one.status is DecisionStatus.IN_FORCE]
    binding = [one for one in in_force if one.origin != CORRECTION]
    today = clock.today()
    free = free_from(unit, concerned(unit, {record for one in binding for record in one.seen}), today)
    if free > today:
        raise ConflictError(
            f"a source of these records is frozen until {free}: undo it then, or lift the window first"
        )

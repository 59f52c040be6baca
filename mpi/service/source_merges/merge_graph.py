"""Merges of local IDs: no circles, and one target for each.

Pure apart from reading the merges that a chain reaches, so a check costs what the chain is long.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from mpi.domain.errors import ConflictError
from mpi.domain.source_merge import join_errors
from mpi.service.resolution.source_assertions import MERGED_INTO, STATED_MERGE
from mpi.service.source_merges.statement_order import RecordSet, StatementHistory
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

_CIRCLE = "with merges in force it makes a circle"
_TWO_TARGETS = "its old local ID was merged into another one before"


def require_sound_merges(
    unit: ReadUnit, places: Mapping[int, str], histories: Mapping[RecordSet, StatementHistory]
) -> None:
    """Refuse new merges that make a circle or a second target.

    Args:
        unit: the transaction, after the new statements are stored.
        places: where each new statement was stated, by its number.
        histories: all that is stated about the records of the new statements.

    Raises:
        ConflictError: some do; the error names the place of each, up to ``MAX_LISTED_ERRORS``.
    """
    errors = list(_find_reversals(places, histories))
    latest = [history.counting[-1] for history in histories.values() if history.counting]
    new_merges = [
        statement for statement in latest if statement.id in places and statement.origin == STATED_MERGE
    ]
    targets = _load_targets(unit, [merge.old_record for merge in new_merges])
    for merge in new_merges:
        if len(targets[merge.old_record]) > 1:
            errors.append((merge.id, _TWO_TARGETS))
        elif _is_reached_from(merge.old_record, targets):
            errors.append((merge.id, _CIRCLE))
    if errors:
        listed = join_errors([f"{places[number]}: {text}" for number, text in sorted(set(errors))])
        raise ConflictError(f"{listed}; take the other merge back, or state its split, first")


def _find_reversals(
    places: Mapping[int, str], histories: Mapping[RecordSet, StatementHistory]
) -> list[tuple[int, str]]:
    """Return new statements that merge two records the other way round."""
    return [
        (max(earlier.id, later.id), _CIRCLE)
        for history in histories.values()
        for earlier, later in pairwise(history.counting)
        if earlier.origin == later.origin == STATED_MERGE
        and earlier.old_record != later.old_record
        and max(earlier.id, later.id) in places
    ]


def _load_targets(unit: ReadUnit, record_ids: Sequence[int]) -> dict[int, set[int]]:
    """Return into which records others were merged, along all chains."""
    targets: dict[int, set[int]] = {}
    frontier = set(record_ids)
    while frontier:
        targets |= {record: set() for record in frontier}
        for merge in unit.decisions.assertions_of_records(frontier, (STATED_MERGE, MERGED_INTO)):
            if merge.status is DecisionStatus.IN_FORCE:
                targets[merge.asserting_record or 0] |= _target_of(merge)
        frontier = {target for record in frontier for target in targets[record]} - targets.keys()
    return targets


def _target_of(merge: StoredDecision) -> set[int]:
    """Return the record into which a merge says another was merged."""
    return set(merge.seen) - {merge.asserting_record}


def _is_reached_from(record: int, targets: Mapping[int, set[int]]) -> bool:
    """Return whether the chain of a record's merges leads back to it."""
    visited: set[int] = set()
    frontier = set(targets[record])
    while frontier:
        if record in frontier:
            return True
        visited |= frontier
        frontier = {target for reached in frontier for target in targets[reached]} - visited
    return False

"""Former IDs, which a scope's records had in the shared index.

When a source moved into a scope, its records got enterprise IDs of the scope. A former ID is known in the
scope by these records alone. One that none of them had is unknown, like an ID that does not exist.

Sources may come at several times. That records of two moves shared an ID may follow from another agency's
record. So a reader knows the former IDs of one move only: of the one with which all its granted sources came,
or else of the first.
"""

from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain import eid as eids
from mpi.service.core.visibility import visible_labels
from mpi.service.persons.child_conditions import UNKNOWN_ID, make_not_found
from mpi.storage.repositories.sources.splits import SplitState
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class Move:
    """A move of sources into a scope.

    Args:
        commit_no: commit of the scope that began it.
        sources: codes of its sources; None for those of the first move.
        later_sources: codes of the sources of all later moves.
    """

    commit_no: int
    sources: frozenset[str] | None
    later_sources: frozenset[str]

    def holds(self, source: str) -> bool:
        """Return whether a source came with this move."""
        return source not in self.later_sources if self.sources is None else source in self.sources


@dataclass(frozen=True, slots=True)
class FormerId:
    """What became of the records that had a former ID.

    Args:
        eid: the former ID.
        record_ids: the records that had it, as far as they are visible.
        now: the IDs that hold these records today.
        since: when the records got IDs of the scope.
    """

    eid: str
    record_ids: tuple[int, ...]
    now: tuple[str, ...]
    since: str


def find_former_id(unit: ReadUnit, eid: str) -> FormerId | None:
    """Return what became of a former ID, or None."""
    rights = unit.viewer.rights
    # The sources of one purpose may be those of another move: two purposes would tell the IDs of both.
    move = find_move(unit, unit.viewer.sources if rights is None else rights.granted_sources)
    if move is None:
        return None
    labels = {
        record_id: label
        for record_id, label in visible_labels(unit, unit.splits.records_of_former_id(eid)).items()
        if move.holds(label.source)
    }
    if not labels:
        return None
    persons = unit.persons.by_ids(set(unit.persons.current_persons(labels).values()))
    return FormerId(
        eid=eid,
        record_ids=tuple(sorted(labels)),
        now=tuple(sorted(person.eid for person in persons.values())),
        since=unit.commit_info({move.commit_no})[move.commit_no][0],
    )


def find_move(unit: ReadUnit, sources: Collection[str] | None) -> Move | None:
    """Return the move whose former IDs a reader knows, or None.

    Args:
        unit: a transaction of a scope.
        sources: codes of the reader's sources; None for all.
    """
    splits = [split for split in unit.splits.all() if split.state is not SplitState.UNDONE]
    additions = {split.id: frozenset(split.plan["sources"]) for split in splits if split.is_addition}
    for split in splits:
        if sources and split.id in additions and additions[split.id].issuperset(sources):
            return Move(split.planned_commit, additions[split.id], frozenset())
    added = frozenset(source for moved in additions.values() for source in moved)
    return next((Move(split.planned_commit, None, added) for split in splits if not split.is_addition), None)


def require_former_id(unit: ReadUnit, text: str, at_moment: str | None = None) -> FormerId:
    """Return an ID that records of this scope had before a split.

    Args:
        unit: the transaction.
        text: the enterprise ID, which this index never gave out.
        at_moment: the time asked for; a former ID is known now only.

    Raises:
        NotFoundError: no visible record had it.
    """
    former = find_former_id(unit, eids.parse_eid(text)) if at_moment is None else None
    if former is None:
        raise make_not_found(unit.viewer, UNKNOWN_ID)
    return former

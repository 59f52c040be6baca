"""Search for chains of decisions that contradict a new decision.

Pure functions: nothing is read or written.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from mpi.domain.decision import Decision, DecisionKind

Pair = tuple[int, int]


def find_contradiction(
    new_decision: Decision, decisions_in_force: Sequence[Decision]
) -> tuple[int, ...] | None:
    """Return the chain of steward decisions that a new decision contradicts.

    A SAME (one person) contradicts a DIFFERENT (several persons) whose groups it would chain together. A
    DIFFERENT contradicts the SAMEs that chain its groups. A contradiction that exists without the new
    decision does not count.

    Args:
        new_decision: the new decision; its number is ignored.
        decisions_in_force: decisions in force, over the same kind of record keys as the new one.

    Returns:
        Numbers of the decisions on the shortest chain, in order, a DIFFERENT last; None where nothing
        contradicts.
    """
    sames = [decision for decision in decisions_in_force if decision.kind is DecisionKind.SAME]
    if new_decision.kind is DecisionKind.DIFFERENT:
        return _first_chain(_separated_pairs(new_decision), sames)
    if new_decision.kind is DecisionKind.SAME:
        for decision in decisions_in_force:
            if (
                decision.kind is not DecisionKind.DIFFERENT
                or _first_chain(_separated_pairs(decision), sames) is not None
            ):
                continue
            chain = _first_chain(_separated_pairs(decision), [*sames, new_decision])
            if chain is not None:
                return (*(number for number in chain if number != new_decision.id), decision.id)
    return None


def find_chain(left: Iterable[int], right: Iterable[int], decisions: Iterable[Decision]) -> tuple[int, ...]:
    """Return the SAME decisions that chain two groups of records together.

    Returns:
        Decision numbers along the chain; empty where no chain exists.
    """
    sames = [decision for decision in decisions if decision.kind is DecisionKind.SAME]
    return _first_chain([(frozenset(left), frozenset(right))], sames) or ()


def _separated_pairs(decision: Decision) -> list[tuple[frozenset[int], frozenset[int]]]:
    groups = [frozenset(group) for group in decision.groups]
    return [
        (first_group, other_group)
        for position, first_group in enumerate(groups)
        for other_group in groups[position + 1 :]
    ]


def _first_chain(
    pairs: Iterable[tuple[frozenset[int], frozenset[int]]], sames: Sequence[Decision]
) -> tuple[int, ...] | None:
    sames_by_record: dict[int, list[Decision]] = {}
    for same in sames:
        for record in same.groups[0]:
            sames_by_record.setdefault(record, []).append(same)
    for left, right in pairs:
        chain = _shortest_chain(left, right, sames_by_record)
        if chain is not None:
            return chain
    return None


def _shortest_chain(
    left: frozenset[int], right: frozenset[int], sames_by_record: dict[int, list[Decision]]
) -> tuple[int, ...] | None:
    queue: deque[tuple[int, tuple[int, ...]]] = deque((record, ()) for record in sorted(left))
    visited = set(left)
    while queue:
        record, chain = queue.popleft()
        for same in sames_by_record.get(record, ()):
            extended = chain if same.id in chain else (*chain, same.id)
            for neighbor in same.groups[0]:
                if neighbor in right:
                    return extended
                if neighbor not in visited:
                    visited.add(neighbor)
                    queue.append((neighbor, extended))
    return None

"""Search for chains of decisions that contradict a new decision.

Pure functions: nothing is read or written.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from mpi.domain.decision import Decision, DecisionKind

Pair = tuple[int, int]


def find_contradiction(new: Decision, others: Sequence[Decision]) -> tuple[int, ...] | None:
    """Return the chain of decisions that a new decision contradicts.

    A SAME contradicts a DIFFERENT whose groups it would chain together. A DIFFERENT contradicts the SAMEs that chain
    its groups. A contradiction that exists without the new decision does not count.

    Args:
        new: the new decision; its number is ignored.
        others: decisions in force, over the same kind of record keys as the new one.

    Returns:
        Numbers of the decisions on the shortest chain, in order, a DIFFERENT last; None where nothing contradicts.
    """
    sames = [other for other in others if other.kind is DecisionKind.SAME]
    if new.kind is DecisionKind.DIFFERENT:
        return _first_chain(_separated_pairs(new), sames)
    if new.kind is DecisionKind.SAME:
        for other in others:
            if (
                other.kind is not DecisionKind.DIFFERENT
                or _first_chain(_separated_pairs(other), sames) is not None
            ):
                continue
            chain = _first_chain(_separated_pairs(other), [*sames, new])
            if chain is not None:
                return (*(number for number in chain if number != new.id), other.id)
    return None


def find_chain(left: Iterable[int], right: Iterable[int], others: Iterable[Decision]) -> tuple[int, ...]:
    """Return the SAME decisions that chain two groups of records together.

    Returns:
        Decision numbers along the chain; empty where no chain exists.
    """
    sames = [other for other in others if other.kind is DecisionKind.SAME]
    return _first_chain([(frozenset(left), frozenset(right))], sames) or ()


def _separated_pairs(decision: Decision) -> list[tuple[frozenset[int], frozenset[int]]]:
    groups = [frozenset(group) for group in decision.groups]
    return [(one, other) for place, one in enumerate(groups) for other in groups[place + 1 :]]


def _first_chain(
    pairs: Iterable[tuple[frozenset[int], frozenset[int]]], sames: Sequence[Decision]
) -> tuple[int, ...] | None:
    naming: dict[int, list[Decision]] = {}
    for same in sames:
        for record in same.groups[0]:
            naming.setdefault(record, []).append(same)
    for left, right in pairs:
        found = _shortest_chain(left, right, naming)
        if found is not None:
            return found
    return None


def _shortest_chain(
    left: frozenset[int], right: frozenset[int], naming: dict[int, list[Decision]]
) -> tuple[int, ...] | None:
    waiting: deque[tuple[int, tuple[int, ...]]] = deque((record, ()) for record in sorted(left))
    reached = set(left)
    while waiting:
        record, chain = waiting.popleft()
        for same in naming.get(record, ()):
            longer = chain if same.id in chain else (*chain, same.id)
            for other in same.groups[0]:
                if other in right:
                    return longer
                if other not in reached:
                    reached.add(other)
                    waiting.append((other, longer))
    return None

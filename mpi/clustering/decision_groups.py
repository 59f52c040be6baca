"""Groups of records that decisions join or separate.

Decisions apply by authority, highest first; within one authority DIFFERENT before SAME. Where SAMEs chain two
records that are DIFFERENT, the SAME of lowest weight on the chain is suspended. Adding SAMEs strongest first and
refusing the one that would close such a chain suspends exactly that one (by Kruskal's argument for a
maximum spanning tree), in whatever order they came.
"""

from collections.abc import Iterable

from mpi.clustering.component import Component
from mpi.domain.decision import Decision, DecisionKind


class DecisionGroups:
    """Groups of records formed by decisions.

    They include active records of a component, and the withdrawn ones that its decisions name.

    Args:
        records: canonical keys of the active records.
    """

    def __init__(self, records: Iterable[int]) -> None:
        self._active = tuple(sorted(records))
        self._root = {record: record for record in self._active}
        self._apart: list[tuple[int, int]] = []
        self.suspended: tuple[Decision, ...] = ()

    def _find(self, record: int) -> int:
        root = self._root.setdefault(record, record)
        while root != self._root[root]:
            root = self._root[root]
        self._root[record] = root
        return root

    def are_joined(self, left: int, right: int) -> bool:
        """Return whether decisions join two records."""
        return self._find(left) == self._find(right)

    def are_separated(self, left: int, right: int) -> bool:
        """Return whether a decision separates the groups of two records."""
        if not self._apart:
            return False
        roots = {self._find(left), self._find(right)}
        return any({self._find(separated_left), self._find(separated_right)} == roots for separated_left, separated_right in self._apart)

    def separate(self, decision: Decision) -> bool:
        """Apply a DIFFERENT decision.

        Returns:
            False, and nothing is applied, where its groups are already joined.
        """
        pairs = [
            (left, right)
            for number, group in enumerate(decision.groups)
            for later in decision.groups[number + 1 :]
            for left in group
            for right in later
        ]
        if any(self.are_joined(left, right) for left, right in pairs):
            return False
        self._apart.extend(pairs)
        return True

    def join(self, decision: Decision) -> bool:
        """Apply a SAME decision.

        Returns:
            False, and nothing is applied, where it would join separated groups.
        """
        before = dict(self._root)
        first, *rest = decision.groups[0]
        for other in rest:
            self._join(first, other)
        if any(self.are_joined(left, right) for left, right in self._apart):
            self._root = before
            return False
        return True

    def _join(self, left: int, right: int) -> None:
        low, high = sorted((self._find(left), self._find(right)))
        self._root[high] = low

    @property
    def groups(self) -> list[list[int]]:
        """Groups of active records, each ascending."""
        grouped: dict[int, list[int]] = {}
        for record in self._active:
            grouped.setdefault(self._find(record), []).append(record)
        return sorted(grouped.values())


def apply_decisions(component: Component) -> DecisionGroups:
    """Apply a component's decisions in force, in order of precedence."""
    binding = DecisionGroups(component.records)
    decisions = sorted(component.decisions, key=lambda decision: _rank_decision(component, decision))
    binding.suspended = tuple(decision for decision in decisions if not _apply_decision(binding, decision))
    return binding


def _apply_decision(binding: DecisionGroups, decision: Decision) -> bool:
    """Apply one decision; False where a stronger one contradicts it."""
    match decision.kind:
        case DecisionKind.SAME:
            return binding.join(decision)
        case DecisionKind.DIFFERENT:
            return binding.separate(decision)
        case DecisionKind.UNSURE:
            return True


def _rank_decision(component: Component, decision: Decision) -> tuple[int, bool, float, object, int]:
    """Return the sort key of precedence; lower is applied first."""
    weakest = 0.0
    if decision.kind is DecisionKind.SAME:
        group = decision.groups[0]
        weakest = min(
            (component.weight(left, right) for position, left in enumerate(group) for right in group[position + 1 :]),
            default=0.0,
        )
    return (
        -decision.authority,
        decision.kind is not DecisionKind.DIFFERENT,
        -weakest,
        decision.groups,
        decision.id,  # only two decisions that say the same get as far as this
    )

"""What decisions bind: groups held together, groups held apart, and which decision gave way.

Higher authority first; within one authority DIFFERENT before SAME; and where SAMEs chain two records that
are DIFFERENT, the SAME of lowest weight on the chain is suspended. Adding SAMEs strongest first and
refusing the one that would close such a chain suspends exactly that one (the argument is Kruskal's for a
maximum spanning tree), whatever order they came in.
"""

from collections.abc import Iterable

from mpi.clustering.component import Component
from mpi.domain.decision import Decision, DecisionKind


class DecisionGroups:
    """Groups that decisions made, over the active records of a component and the withdrawn ones they name."""

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
        """Whether decisions hold the two together."""
        return self._find(left) == self._find(right)

    def are_separated(self, left: int, right: int) -> bool:
        """Whether a decision holds the groups of the two apart."""
        if not self._apart:
            return False
        roots = {self._find(left), self._find(right)}
        return any({self._find(one), self._find(other)} == roots for one, other in self._apart)

    def separate(self, decision: Decision) -> bool:
        """Apply a DIFFERENT; False, and nothing is applied, where its groups are already together."""
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
        """Apply a SAME; False, and nothing is applied, where it would join what is held apart."""
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
        """The active records, grouped, each group ascending."""
        grouped: dict[int, list[int]] = {}
        for record in self._active:
            grouped.setdefault(self._find(record), []).append(record)
        return sorted(grouped.values())


def apply_decisions(component: Component) -> DecisionGroups:
    """Apply the decisions in force to a component, in their order of precedence."""
    binding = DecisionGroups(component.records)
    ordered = sorted(component.decisions, key=lambda d: _rank_decision(component, d))
    binding.suspended = tuple(decision for decision in ordered if not _apply_decision(binding, decision))
    return binding


def _apply_decision(binding: DecisionGroups, decision: Decision) -> bool:
    match decision.kind:
        case DecisionKind.SAME:
            return binding.join(decision)
        case DecisionKind.DIFFERENT:
            return binding.separate(decision)
        case DecisionKind.UNSURE:
            return True


def _rank_decision(component: Component, decision: Decision) -> tuple[int, bool, float, object, int]:
    weakest = 0.0
    if decision.kind is DecisionKind.SAME:
        group = decision.groups[0]
        weakest = min(
            (component.weight(a, b) for n, a in enumerate(group) for b in group[n + 1 :]),
            default=0.0,
        )
    return (
        -decision.authority,
        decision.kind is not DecisionKind.DIFFERENT,
        -weakest,
        decision.groups,
        decision.id,  # only two decisions that say the same get as far as this
    )

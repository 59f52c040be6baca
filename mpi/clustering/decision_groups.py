"""Groups of records that decisions join or separate, by order of authority.

Stewards, sources and imports make decisions; a hold is a decision of the lowest authority. Decisions apply
by authority, highest first; within one authority DIFFERENT before SAME. Where SAMEs chain two records that
are DIFFERENT, the SAME of lowest weight on the chain is suspended. Adding SAMEs strongest first and refusing
the one that would close such a chain suspends exactly that one (by Kruskal's argument for a maximum
spanning tree), in whatever order they came.
"""

from collections.abc import Iterable

from mpi.clustering.component import Component, Pair
from mpi.clustering.union_find import UnionFind
from mpi.domain.decision import Decision, DecisionKind


class DecisionGroups:
    """Groups of records that decisions join or keep apart.

    They include active records of a component, and the withdrawn ones that its decisions name.

    Args:
        records: canonical keys of the active records.
    """

    def __init__(self, records: Iterable[int]) -> None:
        self._active = tuple(sorted(records))
        self._sets = UnionFind()
        self._separated: list[Pair] = []
        self.suspended: tuple[Decision, ...] = ()

    def are_joined(self, left: int, right: int) -> bool:
        """Return whether SAME decisions join two records."""
        return self._sets.are_joined(left, right)

    def are_separated(self, left: int, right: int) -> bool:
        """Return whether a DIFFERENT decision separates the groups of two records."""
        if not self._separated:
            return False
        find = self._sets.find
        roots = {find(left), find(right)}
        return any({find(pair[0]), find(pair[1])} == roots for pair in self._separated)

    def separate(self, decision: Decision) -> bool:
        """Apply a decision that groups of records are different people.

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
        self._separated.extend(pairs)
        return True

    def join(self, decision: Decision) -> bool:
        """Apply a decision that records are the same person.

        Returns:
            False, and nothing is applied, where it would join separated groups.
        """
        before = self._sets.copy()
        self._sets.join_all(decision.groups[0])
        if any(self.are_joined(left, right) for left, right in self._separated):
            self._sets = before
            return False
        return True

    @property
    def groups(self) -> list[list[int]]:
        """Groups of active records joined by decisions, each ascending."""
        grouped: dict[int, list[int]] = {}
        for record in self._active:
            grouped.setdefault(self._sets.find(record), []).append(record)
        return sorted(grouped.values())


def apply_decisions(component: Component) -> DecisionGroups:
    """Apply the decisions about connected records, in order of precedence."""
    binding = DecisionGroups(component.records)
    decisions = sorted(component.decisions, key=lambda decision: _rank_decision(component, decision))
    binding.suspended = tuple(decision for decision in decisions if not _apply_decision(binding, decision))
    return binding


def _apply_decision(binding: DecisionGroups, decision: Decision) -> bool:
    """Apply one decision about records; False where a stronger one contradicts it."""
    match decision.kind:
        case DecisionKind.SAME:
            return binding.join(decision)
        case DecisionKind.DIFFERENT:
            return binding.separate(decision)
        case DecisionKind.UNSURE:
            return True


def _rank_decision(component: Component, decision: Decision) -> tuple[int, bool, float, object, int]:
    """Return the sort key of a decision's precedence; lower applies first."""
    weakest = 0.0
    if decision.kind is DecisionKind.SAME:
        group = decision.groups[0]
        weakest = min(
            (
                component.weight(left, right)
                for position, left in enumerate(group)
                for right in group[position + 1 :]
            ),
            default=0.0,
        )
    return (
        -decision.authority,
        decision.kind is not DecisionKind.DIFFERENT,
        -weakest,
        decision.groups,
        decision.id,  # only two decisions that say the same get as far as this
    )

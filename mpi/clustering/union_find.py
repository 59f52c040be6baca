"""Disjoint sets of records that are joined pair by pair (union-find)."""

from collections.abc import Iterable, Mapping
from typing import Self


class UnionFind:
    """Disjoint sets of integers, with path halving (Tarjan and van Leeuwen, 1984).

    An integer that was never named is a set of its own.

    Args:
        parents: parent of each item, of sets to start from; None for none.
    """

    def __init__(self, parents: Mapping[int, int] | None = None) -> None:
        self._parents = dict(parents or {})

    def find(self, item: int) -> int:
        """Return the representative of the item's set.

        Args:
            item: any integer; it becomes a set of its own where it is new.
        """
        parents = self._parents
        while (parent := parents.setdefault(item, item)) != item:
            parents[item] = parents[parent]
            item = parent
        return item

    def are_joined(self, left: int, right: int) -> bool:
        """Return whether two items are in one set."""
        return self.find(left) == self.find(right)

    def join(self, left: int, right: int) -> bool:
        """Join the sets of two items, and return whether they were separate."""
        # Most pairs of a large set lie in one set already, and have one parent.
        if (parent := self._parents.get(left)) is not None and parent == self._parents.get(right):
            return False
        left_root, right_root = self.find(left), self.find(right)
        self._parents[right_root] = left_root
        return left_root != right_root

    def join_all(self, items: Iterable[int]) -> None:
        """Join the sets of all items.

        Args:
            items: at least one.
        """
        first, *rest = (self.find(item) for item in items)
        for item in rest:
            self._parents[self.find(item)] = self.find(first)

    def list_sets(self) -> dict[int, list[int]]:
        """Return every set by representative, items in order of first mention."""
        sets: dict[int, list[int]] = {}
        for item in self._parents:
            sets.setdefault(self.find(item), []).append(item)
        return sets

    def copy(self) -> Self:
        """Return an independent copy of all sets."""
        return type(self)(self._parents)

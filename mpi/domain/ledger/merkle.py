"""Merkle tree hashing of RFC 6962: heads, inclusion and consistency proofs.

The tree over n leaves has the head MTH of RFC 6962, section 2.1; proofs are PATH (2.1.1) and PROOF (2.1.2).
A proof reads the heads of subtrees from a function, so that it does not matter where they are stored.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
"""Bytes of a hash (SHA-256)."""
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Head of the tree without leaves."""

Subtree = Callable[[int, int], bytes]
"""Returns the head of the leaves from the first position up to, and without, the second."""


def hash_leaf(content: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 of 0x00 and the content."""
    return hashlib.sha256(b"\x00" + content).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return an inner node's hash: SHA-256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def find_split(size: int) -> int:
    """Return the largest power of two below ``size`` (2 or more)."""
    return 1 << ((size - 1).bit_length() - 1)


class Frontier:
    """The heads of the complete subtrees of a growing tree, largest first.

    Adding a leaf costs two hashes on average, whatever the size of the tree.
    """

    def __init__(self, subtrees: Iterable[tuple[int, bytes]] = ()) -> None:
        self._subtrees = list(subtrees)
        self.size = sum(1 << level for level, _ in self._subtrees)

    def add(self, leaf: bytes) -> None:
        """Add the hash of a leaf at the right end."""
        level, head = 0, leaf
        while self._subtrees and self._subtrees[-1][0] == level:
            head = hash_node(self._subtrees.pop()[1], head)
            level += 1
        self._subtrees.append((level, head))
        self.size += 1

    def root(self) -> bytes:
        """Return the head of the tree."""
        if not self._subtrees:
            return EMPTY_ROOT
        head = self._subtrees[-1][1]
        for _, left in reversed(self._subtrees[:-1]):
            head = hash_node(left, head)
        return head


def hash_tree(leaves: Iterable[bytes]) -> bytes:
    """Return the head of the tree over the hashes of leaves."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root()


def prove_inclusion(position: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that a tree of ``size`` leaves holds one.

    Args:
        position: place of the leaf, from 0.
        size: leaves of the tree.
        subtree: reads the heads of subtrees.

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= position < size:
        raise ValueError("the tree has no such leaf")
    begin, end, siblings = 0, size, []
    while end - begin > 1:
        middle = begin + find_split(end - begin)
        if position < middle:
            siblings.append(subtree(middle, end))
            end = middle
        else:
            siblings.append(subtree(begin, middle))
            begin = middle
    return siblings[::-1]


def compute_root(leaf: bytes, position: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Return the head that an inclusion proof leads to, or None.

    The algorithm is that of RFC 9162, section 2.1.3.2.
    """
    if not 0 <= position < size:
        return None
    node, last, head = position, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if node & 1 or node == last:
            head = hash_node(sibling, head)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            head = hash_node(head, sibling)
        node, last = node >> 1, last >> 1
    return head if last == 0 else None


def prove_consistency(former: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that a larger tree begins with a smaller.

    Args:
        former: leaves of the smaller tree, 1 or more.
        size: leaves of the larger tree.
        subtree: reads the heads of subtrees.

    Raises:
        ValueError: the former tree is empty, or larger.
    """
    if not 0 < former <= size:
        raise ValueError("there is a proof only from a tree with leaves to a larger one")
    begin, end, is_whole, proof = 0, size, True, []
    while former != end:
        middle = begin + find_split(end - begin)
        if former <= middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(begin, middle))
            begin, is_whole = middle, False
    if not is_whole:
        proof.append(subtree(begin, end))
    return proof[::-1]


def is_consistent(former: tuple[int, bytes], latter: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Return whether a proof shows that one tree begins another.

    The algorithm is that of RFC 9162, section 2.1.4.2.

    Args:
        former: size and head of the smaller tree.
        latter: size and head of the larger tree.
        proof: what ``prove_consistency`` returned.
    """
    (former_size, former_root), (size, root) = former, latter
    if former_size == size:
        return not proof and former_root == root
    if not 0 < former_size < size or not proof:
        return False
    path = list(proof)
    if former_size & (former_size - 1) == 0:
        path.insert(0, former_root)
    node, last = former_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    left = right = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            left, right = hash_node(sibling, left), hash_node(sibling, right)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            right = hash_node(right, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and left == former_root and right == root

"""The Merkle tree over the ledger's lines, from stored hashes.

Heads of complete subtrees of 256 lines and more are stored, so that a root or a proof reads a few hundred
hashes, whatever the size of the ledger.
"""

from mpi.domain.ledger.merkle import HASH_BYTES, Subtree, find_split, hash_node, hash_tree
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit

NODE_LEVEL = 8
"""Lowest level whose heads are stored: subtrees of 256 lines."""
NODE_LINES = 1 << NODE_LEVEL
_NODES_PER_COMMIT = 256


def make_subtree(unit: ReadUnit) -> Subtree:
    """Return a function that computes heads of subtrees from stored hashes.

    Raises:
        StoreError: the function finds that a line is missing.
    """

    def subtree(begin: int, end: int) -> bytes:
        size = end - begin
        is_complete = size & (size - 1) == 0 and begin % size == 0
        if is_complete and size >= NODE_LINES:
            stored = unit.ledger_tree.find_node(size.bit_length() - 1, begin // size)
            if stored is not None and len(stored) == HASH_BYTES:
                return stored
        if size <= NODE_LINES:
            return hash_tree(unit.ledger_tree.read_leaves(begin, end))
        middle = begin + find_split(size)
        return hash_node(subtree(begin, middle), subtree(middle, end))

    return subtree


def compute_head(unit: ReadUnit, size: int) -> bytes:
    """Return the head of the tree over the first lines.

    Raises:
        StoreError: a line is missing.
    """
    return hash_tree(()) if size == 0 else make_subtree(unit)(0, size)


def store_new_heads(index: Index, viewer: Viewer) -> int:
    """Store the heads of the subtrees that have become complete.

    The lines are hashed in short transactions, so that no answer waits for long. Processes that do the same
    at once store the same.

    Returns:
        How many heads of 256 lines were stored.

    Raises:
        StoreError: a line is missing.
    """
    stored = 0
    while True:
        with index.database.ledger.read(viewer) as unit:
            first = unit.ledger_tree.count_nodes(NODE_LEVEL)
            last = min(unit.ledger_tree.find_size() >> NODE_LEVEL, first + _NODES_PER_COMMIT)
            heads = _compute_heads(unit, first, last)
        if not heads:
            return stored
        with index.database.ledger.write(viewer, "sign", Lock.NONE) as writing:
            writing.ledger_tree.add_nodes(heads)
        stored += last - first


def _compute_heads(unit: ReadUnit, first: int, last: int) -> dict[tuple[int, int], bytes]:
    """Return the heads of new subtrees of 256 lines and more."""
    heads: dict[tuple[int, int], bytes] = {}
    for position in range(first, last):
        head = hash_tree(unit.ledger_tree.read_leaves(position << NODE_LEVEL, (position + 1) << NODE_LEVEL))
        level = NODE_LEVEL
        heads[level, position] = head
        while position & 1:
            left = heads.get((level, position - 1)) or unit.ledger_tree.find_node(level, position - 1)
            if left is None:
                break
            head = hash_node(left, head)
            level, position = level + 1, position >> 1  # noqa: PLW2901 - the parent's place
            heads[level, position] = head
    return heads

"""Proofs of a line, and that one root continues another."""

from dataclasses import dataclass

from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.ledger.merkle import prove_consistency, prove_inclusion
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.audit.tree import compute_head, make_subtree
from mpi.service.core.index import Index
from mpi.storage.repositories.access.ledger_tree import StoredLine


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Proof that a line is at its place in the ledger.

    Args:
        line: the line as stored.
        size: lines of the tree.
        root: head of the tree, in hexadecimal.
        path: heads of the siblings from the leaf up, in hexadecimal.
    """

    line: StoredLine
    size: int
    root: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """Proof that a ledger begins with that of a smaller size.

    Args:
        former_size: lines of the smaller tree.
        former_root: its head, in hexadecimal.
        size: lines of the larger tree.
        root: its head.
        path: heads as in RFC 6962, section 2.1.2.
    """

    former_size: int
    former_root: str
    size: int
    root: str
    path: tuple[str, ...]


def prove_line(index: Index, viewer: Viewer, number: int, size: int | None = None) -> InclusionProof:
    """Return the proof that a line is in the ledger.

    Args:
        index: the open index.
        viewer: who asks.
        number: number of the line.
        size: lines of the tree, such as that of a signed root; None for all.

    Raises:
        NotFoundError: there is no such line in a tree of that size.
        StoreError: a line is missing.
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    with index.database.ledger.read(viewer) as unit:
        lines = unit.ledger_tree.find_size()
        whole = lines if size is None else size
        line = unit.ledger_tree.find_line(number) if 0 < number <= whole <= lines else None
        if line is None:
            raise NotFoundError(f"the ledger has no line {number} in a tree of {whole} lines")
        path = prove_inclusion(number - 1, whole, make_subtree(unit))
        head = compute_head(unit, whole)
    return InclusionProof(line, whole, head.hex(), tuple(head.hex() for head in path))


def prove_growth(index: Index, viewer: Viewer, former: int, size: int) -> ConsistencyProof:
    """Return the proof that a ledger continues one of smaller size.

    Args:
        index: the open index.
        viewer: who asks.
        former: lines of the smaller tree, 1 or more.
        size: lines of the larger tree.

    Raises:
        InputError: the sizes are none of this ledger, or not in order.
        StoreError: a line is missing.
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    with index.database.ledger.read(viewer) as unit:
        if not 0 < former <= size <= unit.ledger_tree.find_size():
            raise InputError("give two sizes of this ledger, the smaller one first")
        path = prove_consistency(former, size, make_subtree(unit))
        roots = [compute_head(unit, each).hex() for each in (former, size)]
    return ConsistencyProof(former, roots[0], size, roots[1], tuple(head.hex() for head in path))

"""The Merkle tree is that of RFC 6962, and its proofs hold for the right leaf alone."""

import hashlib

import pytest

from mpi.domain.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    compute_root,
    hash_leaf,
    hash_tree,
    is_consistent,
    prove_consistency,
    prove_inclusion,
)

LEAVES = [
    hash_leaf(bytes.fromhex(text))
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
"""Leaves of the reference implementation of RFC 6962 (certificate-transparency, merkletree tests)."""
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
SIZE = 21
MANY = [hash_leaf(bytes([number])) for number in range(SIZE)]


def subtree(begin, end):
    return hash_tree(MANY[begin:end])


def test_heads_are_those_of_the_reference_implementation():
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT == Frontier().root()
    assert [hash_tree(LEAVES[: size + 1]).hex() for size in range(8)] == list(ROOTS)


@pytest.mark.parametrize("size", range(1, SIZE + 1))
def test_an_inclusion_proof_leads_to_the_root_from_its_own_leaf_and_place_alone(size):
    root = subtree(0, size)
    for position in range(size):
        proof = prove_inclusion(position, size, subtree)
        assert compute_root(MANY[position], position, size, proof) == root
        for other in range(size):
            if other != position:
                assert compute_root(MANY[position], other, size, proof) != root
                assert compute_root(MANY[other], position, size, proof) != root
        assert compute_root(MANY[position], position, size, [*proof, root]) != root


@pytest.mark.parametrize("size", range(1, SIZE + 1))
def test_a_consistency_proof_holds_for_these_two_trees_alone(size):
    root, forged = subtree(0, size), hash_leaf(b"forged")
    for former in range(1, size + 1):
        former_root = subtree(0, former)
        proof = prove_consistency(former, size, subtree)
        assert is_consistent((former, former_root), (size, root), proof)
        assert not is_consistent((former, forged), (size, root), proof)
        assert not is_consistent((former, former_root), (size, forged), proof)
        assert not is_consistent((former, former_root), (size, root), [*proof, forged])


def test_there_is_no_proof_for_what_the_tree_does_not_have():
    for position, size in ((-1, 3), (3, 3), (0, 0)):
        with pytest.raises(ValueError, match="no such leaf"):
            prove_inclusion(position, size, subtree)
    for former, size in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="larger"):
            prove_consistency(former, size, subtree)

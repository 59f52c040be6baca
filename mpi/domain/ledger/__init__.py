"""Hashes that make the disclosure ledger tamper-evident, as pure functions.

In: the texts of lines, and hashes. Out: the hash of a line, the root of the Merkle tree, proofs of a line or
of growth, and the signed root as text.
"""

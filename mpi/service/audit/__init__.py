"""Proof that the disclosure ledger is whole, and lists of its lines.

In: the lines of the ledger, the signing key, and signed roots that somebody kept. Out: new roots, findings,
proofs of single lines, and exports for auditors and for students' files (ADR 0119, ADR 0120).
"""

"""The blocking-key index: a log-structured merge tree of key hashes.

Loads, upserts and re-clusters write each record's blocking keys, by configuration and visibility
group. Candidate search gets the records that share a key; ``mpi verify`` gets all rows to compare.
See ``docs/design/key-index.md``.
"""

"""Blocking keys, candidate pairs and match weights of records that change.

Standardized records enter, with the records that no longer take part.
Stored features, blocking keys and edges leave, and the records whose component may change.
"""

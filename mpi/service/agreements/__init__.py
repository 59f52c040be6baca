"""Register of data-sharing agreements and purposes, and the record of refusals.

Agreements as people write them enter, as do their steps: approve, suspend, resume, end.
The terms that are in force leave, and lists for people. Agreements change no ID and no partition.
"""

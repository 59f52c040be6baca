"""Repositories of computed data: features, edges, configurations, runs and proposals.

Feature payloads, match weights, plans and the progress of re-clusters enter. They leave by
configuration and record, or by number of a run or proposal. ``mpi rebuild`` can compute features and
edges again.
"""

"""Batch scoring on a Spark cluster, for indexes larger than one machine.

What enters: features and blocking keys of a whole index, and a model. What leaves: candidate pairs with
their match weights, equal to DuckDB's. Imports of the optional extra ``spark`` happen only when it is used.
"""

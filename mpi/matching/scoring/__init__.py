"""Batch scoring of many pairs on DuckDB.

What enters: features and blocking keys of many records, and a model. What leaves: candidate pairs with
their match weights, shared values, and differences of tables larger than memory.
"""

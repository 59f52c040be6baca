"""Blocking and scoring of record pairs with a trained model.

What enters: features of records, and the folder of a frozen model. What leaves: blocking keys, candidate
pairs, and match weights of pairs with their comparison levels; every engine (compiled Python, DuckDB,
Spark) gives the same ones.
"""

"""Evaluation of a matching model on records with known truth.

The package measures the model, exact matching and plain Splink on the same records, and judges
acceptance criteria. A model folder and a dataset enter: files with a truth column, a simulated
state or the public sets. Tables for people or one JSON document for programs leave.
"""

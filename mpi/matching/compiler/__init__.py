"""Compilers of a model's SQL conditions to Python and DuckDB.

What enters: the comparisons and cautions of a model, as SQL conditions over features. What leaves: a Python
function that scores one pair, and a DuckDB query that scores many; a condition without an exact translation
is refused.
"""

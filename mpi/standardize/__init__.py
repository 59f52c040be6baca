"""Validation and standardization of source records into comparable features.

What enters: records as a source sent them, under canonical field names. What leaves: canonical records,
quality issues, and the features that blocking and matching use; the functions are pure, and every path of
the index uses them.
"""

"""Standardization of personal names of children and guardians.

What enters: names as a source wrote them, in parts or as full names.
What leaves: folded name forms for blocking and comparison, without particles, suffixes and placeholders.
"""

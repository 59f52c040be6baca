"""Parsers of the canonical record's codes, dates, scalars and lists.

What enters: single field values as a source sent them, as text, numbers or JSON.
What leaves: typed values and entries of the canonical record, or an error that names the field.
"""

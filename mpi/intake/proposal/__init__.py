"""Proposals of mappings: what the columns of an unknown file probably mean.

A file is sampled, its columns are matched with the fields of the canonical record by their names and by the
form of their values, and the result is written as a mapping. Nothing but forms of values leaves this package.
"""

"""Linkage tokens of a record: Open Link Token's rules T1 to T5.

They depend on nothing of an index but the secret of an exchange.
"""

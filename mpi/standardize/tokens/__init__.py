"""Linkage tokens of Open Link Token: rules T1 to T5, made from a record.

They depend on nothing of an index but the secret of an exchange.
"""

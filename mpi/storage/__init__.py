"""Storage of the index: schema, repositories, key index and transactions.

Row classes and SQL stay inside this package. Services open a unit of work on a ``Database`` and hand
in plain values and domain objects. Repositories hand back frozen dataclasses.
"""

"""Repositories: reading and writing of stored data, one for each aggregate.

A unit of work creates them on its connection. Plain values and domain objects enter and leave; rows
and SQL stay inside. They use SQLAlchemy Core throughout.
"""

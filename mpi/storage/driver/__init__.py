"""Fast execution of SQL: bulk inserts, list parameters, prefetching, compiled statements.

Repositories hand in SQLAlchemy statements and many rows or values. Rows leave, with fewer round trips
and less Python work than SQLAlchemy needs.
"""

"""Scopes: sources whose records have an index of their own.

Changes of a scope's records and decisions enter. The package copies them into the shared index, which decides
for itself who is one person. Nothing goes from the shared index to a scope.
"""

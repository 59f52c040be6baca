"""Scopes: sources whose records have an index of their own.

Changes of a scope's records and decisions enter. The package copies them into the shared index, with what the
scope has derived, as far as it is the same there. The shared index decides for itself who is one person.
A split moves sources of the shared index into a scope, with what their own records and people say.
Nothing else goes from the shared index to a scope.
"""

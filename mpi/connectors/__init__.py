"""Connectors: they pull records from the APIs of other systems.

What enters: a connection (address, credentials, options) and the cursor where the last pull ended. What
leaves: canonical rows, local IDs that are gone, and the next cursor. A connector stores nothing and reads no
database; ``mpi.service.pulls`` loads what it pulls.
"""

"""Connectors: they pull records from the APIs of other systems.

What enters: a connection (address, credentials, options) and the cursor where the last pull ended. What
leaves: canonical rows, local IDs that are gone, and the next cursor. A connector stores nothing beyond a
pull and reads no database of the index; ``mpi.service.pulls`` loads what it pulls. Some also write enterprise
IDs back (``id_writing``).
"""

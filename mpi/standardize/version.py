"""Version number of the standardizer, importable without its libraries."""

STANDARDIZER_VERSION = "5"
"""Version of the standardizer, part of a configuration's identity.

Raise it whenever a record may get other features than before.
"""

MODEL_VERSIONS = frozenset({"4"})
"""Earlier versions whose models this one serves.

Version 5 changes no value that version 4 read; it reads values that version 4 left out.
"""

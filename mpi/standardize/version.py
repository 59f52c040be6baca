"""Version number of the standardizer, importable without its libraries."""

STANDARDIZER_VERSION = "5"
"""Version of the standardizer, part of a configuration's identity.

Raise it whenever a record may get other features than before.
"""

"""Use cases, one verb a module."""

"""Merges, splits and reuse of local IDs that a source states."""

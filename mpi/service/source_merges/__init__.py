"""Merges, splits and reuse of local IDs that a source states, and the IDs that they retire."""

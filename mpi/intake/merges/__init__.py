"""Files in which a source states merges, splits and reuse of its local IDs."""

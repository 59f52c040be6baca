"""Files that state a source's merges, splits and reused local IDs."""

"""Files and mappings to canonical records."""

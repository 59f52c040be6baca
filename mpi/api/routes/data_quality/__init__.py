"""Routes about what is wrong with the records of a source, for its data owner."""

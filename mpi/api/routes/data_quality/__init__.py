"""Routes about the data quality of sources, for their data owners."""

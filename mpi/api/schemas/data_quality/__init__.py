"""API schemas of the data quality of sources."""

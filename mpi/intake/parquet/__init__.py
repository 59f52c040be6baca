"""What a Parquet file would take in memory, found before it is taken.

The footer and the page headers of a file enter. A plan of how to read it within the limits leaves, or an
error that names the limit.
"""

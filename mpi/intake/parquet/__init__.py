"""Memory that a Parquet file would take, found before it is read.

The footer and the page headers of a file enter. A plan of how to read it within the limits leaves, or an
error that names the limit.
"""

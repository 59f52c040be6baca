"""Data quality: what is wrong with sources' records, and since when.

Nothing here tells of links or of another source's records.
"""

"""Data quality of sources: what is wrong with their records, and since when.

Nothing here tells of links or of another source's records.
"""

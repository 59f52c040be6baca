"""Statements of sources about their records, and the versions they make.

Validated records of one source enter.
Stored versions leave, with the records that changed, were removed, or wait for a person as suspected
overlays.
"""

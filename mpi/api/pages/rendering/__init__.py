"""Conversion of records and figures to HTML pages.

Records, comparisons and figures enter. The modules format values, compare records and compute chart
coordinates. Page texts, chart data and rendered HTML leave.
"""

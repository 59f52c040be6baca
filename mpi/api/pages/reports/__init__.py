"""Pages of published reports on children.

There is the list, and each report as chart, table and CSV.
"""

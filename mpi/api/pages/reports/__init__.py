"""Pages of published reports on children: the list, and each report as chart, table and CSV."""

"""Statistics of samples, raters and small counts.

Counts and verdicts enter. Estimates with intervals, and tables without small cells, leave.
"""

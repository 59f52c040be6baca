"""Commands for clerical review and match quality.

Filters, thresholds and months enter. The commands read the review queue and statistics, or draw a blind
sample. Questions, figures and forecasts leave.
"""

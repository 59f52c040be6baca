"""Pages of the steward's desk, one module for each.

Addresses and forms enter. Each page reads or changes the index through a use case. Rendered HTML pages and
redirects leave.
"""

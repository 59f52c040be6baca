"""Incidents of wrong links: opened by the step that parts records, reversed by one that joins them again.

In: the persons of records before and after a step. Out: incidents, and corrections that hold no longer
(ADR 0132, ADR 0139).
"""

"""Incidents of wrong links: how they open, and how they are reversed.

In: the persons of records before and after a step. Out: incidents, and corrections that hold no longer
(ADR 0132, ADR 0139).
"""

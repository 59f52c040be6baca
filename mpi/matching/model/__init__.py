"""Frozen match models: settings, frequencies, blocking rules, thresholds, cautions.

What enters: a folder of ``models/<name>/<version>``.
What leaves: a checked model, the parameters by which pairs are scored, and the blocking keys of records.
"""

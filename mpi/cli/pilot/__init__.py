"""Pilot of the index on a site's own files.

Files of two or more sources enter. The pilot loads them into a temporary index, measures it and destroys it.
A report for the decision to adopt and a certificate of destruction leave.
"""

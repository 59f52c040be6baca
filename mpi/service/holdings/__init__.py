"""Minimum holdings: records of pupils who may be in care.

What enters: a source with the mode ``linked``, and rows or records of it. What leaves: which rows to drop
before they are stored, stored records destroyed, and a certificate of how many.
"""

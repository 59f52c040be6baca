"""Minimum holdings: hold a pupil's record only if it may be a child in care.

What enters: a source with the mode ``linked``, and rows or records of it. What leaves: which rows to drop
before they are stored, stored records destroyed, and a certificate of how many.
"""

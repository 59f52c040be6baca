"""Routes by which programs get credentials.

A key enters, and a short-lived token leaves.
"""

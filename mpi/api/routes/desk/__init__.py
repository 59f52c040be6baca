"""JSON API routes of links into the desk and its long work.

Requests of clients enter. Addresses of pages leave, without a name or an ID of a child, and jobs with their
progress.
"""

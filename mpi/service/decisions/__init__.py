"""The decision log: stewards' decisions, their conflicts and their evidence.

Decision drafts over groups of record numbers enter.
Stored decisions, chains of conflicting decisions and stored evidence leave.
"""

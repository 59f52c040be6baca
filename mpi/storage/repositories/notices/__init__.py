"""Repositories of who did what, what came back for whom, and who is told.

Actions, steps, approvals and consents are read from the tables of their own. Marks of what a person has read,
mentions and days of mail enter and leave.
"""

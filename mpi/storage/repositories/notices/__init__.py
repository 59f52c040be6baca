"""Repositories of people's activity, of answers to them, and of mails.

Actions, steps, approvals and consents are read from the tables of their own. Marks of what a person has read,
mentions and days of mail enter and leave.
"""

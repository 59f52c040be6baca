"""Notices: activity of people, answers to them, and mails with counts.

In come the histories of questions, steps, approvals and consents, and marks of what a person has read. Out go
counts for the menu, an activity list, unread answers, people to assign or mention, and mails with counts.
"""

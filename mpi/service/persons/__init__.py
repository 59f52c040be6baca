"""Persons as a viewer sees them: look-up, golden record, change feed.

Enterprise IDs, local IDs, search records and feed cursors enter, each with a viewer.
Views that hold only what the viewer may see leave, with their lines on the disclosure ledger.
"""

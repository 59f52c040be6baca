"""Commands that look up, search and explain persons.

Enterprise IDs and records enter. The commands read the index, or correct a golden record. Records, history,
golden records and explanations leave.
"""

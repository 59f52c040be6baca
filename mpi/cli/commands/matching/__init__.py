"""Commands that match records and re-cluster the index.

Records, thresholds, models and approvals enter. The commands upsert one record or compute all persons
again. Enterprise IDs, plans, proposals and holds leave.
"""

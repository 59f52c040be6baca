"""Repositories of what people did: steps, decisions, consents, approvals, freezes.

New decisions and their status changes enter, as do counters and answers kept for idempotency keys.
They leave by step, decision or record, so that every step can be shown and undone.
"""

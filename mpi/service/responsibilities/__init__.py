"""Owners, due days and escalation of queues, tickets, feeds and agreements.

What the index keeps and a file of the operator enter. Obligations, what is late first, leave.
"""

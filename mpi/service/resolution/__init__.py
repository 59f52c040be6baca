"""Partition changed records into persons and publish the result.

The records, pair weights and decisions of one transaction enter, with every record connected to them.
Memberships, enterprise IDs, lineage events and review tasks leave, written in the same transaction.
"""

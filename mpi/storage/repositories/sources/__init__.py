"""Repositories of sources, their loads, records, versions and assertions.

Received records and receipts enter. They leave by local ID, record number or load, as versions,
hashes and states.
"""

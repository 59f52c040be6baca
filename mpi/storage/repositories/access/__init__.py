"""Repositories of who may use the index, and of what was disclosed.

Accounts, sign-ins, clients and disclosures enter as dataclasses or hashes. Stored ones leave by name,
by hash of a key or token, or by record.
"""

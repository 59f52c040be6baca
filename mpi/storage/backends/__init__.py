"""What differs between SQLite and PostgreSQL: connections, locks, errors, checkpoints.

A database URL and sessions enter. Engines, begun transactions and error messages for people leave.
"""

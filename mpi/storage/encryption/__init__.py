"""Encryption of stored content, and the keys for it.

Key material and clear text enter; ciphertext leaves. Nothing here reads or writes the database. Of
the storage, only this package imports ``cryptography``.
"""

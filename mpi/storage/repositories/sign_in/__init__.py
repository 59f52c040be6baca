"""Repositories of what guards a sign-in with a password.

Hashes of past passwords enter, and leave to be compared with a new one.
"""

"""Database transactions, each with a viewer and its repositories.

A caller enters with a database URL, a viewer and the kind of change. It leaves with a committed or
rolled-back transaction. Driver errors leave as ``StoreError`` without personal values.
"""

"""Upsert, withdraw and read single source records online.

One source record or local ID enters, with its source and viewer. The record's enterprise ID and review tasks
leave. The search for its candidate pairs runs before its transaction, pipelined in it, or deferred after it.
"""

"""Shared base of all use cases.

It holds the open index, record visibility, the disclosure ledger, group commit, idempotency and undoable
steps. Use cases bring an `Index`, a viewer and a unit of work. They take away checked rights, record numbers,
transactions and lines on the disclosure ledger.
"""

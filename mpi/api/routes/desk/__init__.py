"""JSON API routes that lead into the pages of the desk.

Requests of a source's client enter. Addresses of pages leave, without a name or an ID of a child.
"""

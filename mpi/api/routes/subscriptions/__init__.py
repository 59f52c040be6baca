"""Routes for subscriptions of clients.

In: JSON bodies of a client that may read the crosswalk. Out: its webhooks, and their secrets once.
"""

"""Webhooks: delivery of the change feed to the addresses of clients.

A client registers an address (``subscriptions``). A background worker (``worker``) reads the feed as that
client would read it, signs each message by the Standard Webhooks specification and sends it, in order and at
least once (``delivery``). No address inside the operator's network is called unless the operator allows it
(``addresses``).
"""

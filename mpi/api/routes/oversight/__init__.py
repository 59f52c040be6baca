"""Routes for privacy officers: the ledger, incidents, and corrections of wrong links.

In: queries and JSON bodies of clients with ``ledger.read`` and ``agreement.admin``; recipients of corrections
need neither. Out: lines of the ledger, incidents and corrections.
"""

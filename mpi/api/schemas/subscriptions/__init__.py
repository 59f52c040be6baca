"""API schemas of subscriptions of clients."""

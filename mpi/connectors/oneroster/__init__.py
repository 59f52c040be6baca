"""Connector to the rostering API of OneRoster 1.1 and 1.2, as a consumer."""

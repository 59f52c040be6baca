"""Connector to the rostering API of OneRoster 1.1 and 1.2.

In the terms of the standard, it is a consumer.
"""

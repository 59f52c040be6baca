"""Load what connectors pull from other systems.

A connection and its connector enter. The rows that the connector pulls are loaded like a file, records that
are gone are withdrawn, and the place where the next pull begins is stored.
"""

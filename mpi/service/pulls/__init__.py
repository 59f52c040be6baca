"""Load what connectors pull from other systems, and write enterprise IDs back.

A connection and its connector enter. The rows that the connector pulls are loaded like a file, records that
are gone are withdrawn, and the place where the next pull begins is stored. ``write_ids`` sends IDs the other
way, for a client that may know them.
"""

"""Version of the client: that of its index."""

__version__ = "0.2.0"

"""Version of the client: that of its index."""

__version__ = "1.0.0rc1"

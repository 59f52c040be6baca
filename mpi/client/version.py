"""Version of the client, which is that of the index that it was made with."""

__version__ = "0.2.0"

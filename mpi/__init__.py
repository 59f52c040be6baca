"""The Master Person Index: which records, in which agencies, are the same person."""

__version__ = "0.2.0"

"""Use cases of the index, called by API and command line."""

"""Import of models that Splink itself trained.

The package checks that the index can score such a model exactly, and writes it as a model folder.
Settings that Splink saved and record files for term frequencies enter. A model folder leaves,
without cautions.
"""

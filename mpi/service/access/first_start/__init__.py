"""The first administrator's account of an index that has none."""

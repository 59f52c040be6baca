"""Compares rules of partition on the same components."""

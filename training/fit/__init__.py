"""Learns a model from unlabelled records."""

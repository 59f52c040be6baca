"""Weights and decisions to persons: partition and assignment, pure."""

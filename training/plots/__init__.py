"""Draws a model: what its levels weigh, how they were learned, how far it can be trusted."""

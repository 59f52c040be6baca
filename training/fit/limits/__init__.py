"""Limits of a fitted model: cautions, thresholds, budget of false links.

In: candidate pairs with the weights that a fit has learned. Out: from which weights pairs are asked about and
linked, and which conditions keep a pair from being linked.
"""

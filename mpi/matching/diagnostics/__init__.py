"""Diagnosis of pairs by a model: overlays, error patterns, variations.

What enters: the features of two records or record versions, and the online scorer of a model. What leaves:
whether a version describes another child, the one way in which a pair differs, and variations of a pair
that show what would change its weight.
"""

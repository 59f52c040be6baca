"""Blind samples to measure quality, practice for stewards, and training labels.

Stored pairs, stewards' decisions and their verdicts on sampled pairs enter.
Pairs to judge, claims about doubtful links, scores of practice and labeled pairs leave.
"""

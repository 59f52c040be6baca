"""Blind samples, practice pairs and training labels that measure and teach judging.

Stored pairs, stewards' decisions and their verdicts on sampled pairs enter.
Pairs to judge, claims about doubtful links, scores of practice and labeled pairs leave.
"""

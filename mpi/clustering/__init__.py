"""Clustering: which records are one person, and under which enterprise ID.

What enters: match weights of pairs, decisions in force, and the persons that held the records before. What
leaves: partitions of components into clusters, pairs for clerical review, and plans that assign enterprise
IDs; the functions are pure and their results do not depend on the order of the input.
"""

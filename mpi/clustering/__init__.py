"""Clustering: which records are one person, and which enterprise ID that person gets.

What enters: match weights of pairs, decisions in force, and the persons that held the records before. What
leaves: partitions of components into clusters, pairs for clerical review, and plans that assign enterprise
IDs; the functions are pure and their results do not depend on the order of the input.
"""

"""Re-cluster the whole index, as a plan, a run or a proposal.

A model, lists of shared values or thresholds enter, with the active records and the decisions in force. A
plan to read leaves or, once applied, another configuration in force and every changed person published. A run
is written in many short transactions while others read and write.
"""

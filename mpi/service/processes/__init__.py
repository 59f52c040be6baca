"""Scheduling of long work beside a serving process.

Long computations and batched writes enter.
The same results leave, with short transactions, low priority, spare cores and child processes, so that
requests stay fast.
"""

"""Comparison of partition rules on the same components.

The package runs the shipped rule and the rules that it was chosen from. A model and a dataset with
known truth enter. A table of precision, recall and F1 by rule and purpose leaves.
"""

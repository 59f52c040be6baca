"""Datasets with known truth for the evaluation of models.

The package reads public sets, simulated states and folders that the simulator wrote, and
standardizes their records. Files or simulated populations enter. A ``Dataset`` leaves: records for
the model and, separately, their truth.
"""

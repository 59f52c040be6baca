"""Quality measures of a partition against the truth.

The package measures accuracy, blocking loss, calibration, bias, clerical review, errors by kind and
links of relatives. Clusters, weights and a dataset with its truth enter. Counts and shares with 95
% intervals leave, which the evaluation prints and publishes.
"""

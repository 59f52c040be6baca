"""Quality figures: live accuracy, workload, throughput, forecasts and reports.

In come counts of tasks, answers, decisions and blind samples. Out go figures for the dashboard, a workload
forecast and named reports, none of them about a single person. For viewers who may not read records, small
counts are suppressed.
"""

"""Quality figures: live accuracy, workload, throughput, forecasts and reports.

In come counts of records, persons, tasks, answers, decisions and blind samples. Out go named figures, exact
and current, for viewers who may see all that they count, and published ones for everybody else: measured
once a day, with noise, rounded, and shown later. None is about a single person.
"""

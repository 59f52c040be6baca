"""Repositories of clerical review: tasks, questions, samples and figures.

Computed tasks, stewards' actions and answers enter. Pages of the queue, states of questions and
counts leave.
"""

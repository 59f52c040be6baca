"""Clerical review: the queue of questions that stewards answer.

In come open review tasks, steward verdicts and the answers of source owners. Out go pages of the queue,
single questions with their records, decisions made from verdicts, and a history of each question.
"""

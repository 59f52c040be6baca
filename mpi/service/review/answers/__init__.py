"""Stewards' answers to review questions, stored as decisions in one step.

Verdicts on record pairs and responses to a decision or a version enter, with a question and a steward. The
effect of the answer and the next question leave. An answer can be undone whole.
"""

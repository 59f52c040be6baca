"""Rules of cases: consents, subpoenas, rights of persons, retention, published reports.

In: what a person or a court asks for, with days and fields. Out: which states, deadlines and refusals follow.
"""

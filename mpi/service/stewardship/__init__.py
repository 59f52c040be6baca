"""What stewards do: decide, merge, split, move, correct, approve and undo.

A viewer's request enters, with enterprise IDs, record labels or the number of an earlier step.
Stored decisions, the newly published partition and an effect for the viewer leave.
"""

"""Education extract of the simulated state, with its truth.

The true state of a block and the roster of the state's student file enter. Rows of a school year leave,
keyed by the student file's local IDs, and the truth of each child. The package makes no record and knows
nothing of how the index reads the extract.
"""

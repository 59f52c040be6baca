"""Policy: purposes of use, legal bases and data-sharing agreements.

Pure rules and values, without input or output. Tables of purposes and legal bases enter, as do agreements.
Whether an agreement may exist, and whether it is in force on a day, leaves.
"""

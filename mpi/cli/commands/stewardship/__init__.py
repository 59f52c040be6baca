"""Commands of stewards: decide, merge, split, move, undo, approve.

Records, persons, reasons and approvals enter. The commands preview or perform a steward's step. The effect
on persons and enterprise IDs leaves.
"""

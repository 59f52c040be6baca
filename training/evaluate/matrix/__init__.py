"""Field-subset matrix: fits on sets cut down to few fields.

The development sets and a folder for cached notebook results enter. One measurement per cell leaves: a
model fitted without labels, and a careful Splink notebook, on the same canonical columns.
"""

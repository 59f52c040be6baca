"""Reading of files of settings, within bounds.

In: the text of a file. Out: its values, or an error that names the place.
"""

"""Sandbox for vendors: an index of made-up people with documented outcomes.

Requests of a vendor's program enter. Answers leave, all of the real service but for those that the sandbox
injects (429 and 503), and a report says which scenarios the program handled well.
"""

"""Explain in plain sentences why records are linked, and how persons arose.

Two records or an enterprise ID enter, with the viewer who asks.
Sentences, match weights in bits and decision numbers leave; no value of a record does.
"""

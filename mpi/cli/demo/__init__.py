"""Demonstration of the index on a small simulated state.

A number of records enters. The demo simulates, loads and resolves them, and compares the index with two
simpler methods. The story of one child, a comparison table and a served test index leave.
"""

"""Standardization of US addresses, and of cities and postal codes.

What enters: address lines, cities and postal codes as a source wrote them.
What leaves: comparable parts and keys of addresses, and the homes in which a child was placed; a confidential
address leaves nothing.
"""

"""Compressed files and what a file is by its first bytes.

Every stream is bounded: a file of some kilobytes that would become gigabytes is refused.
"""

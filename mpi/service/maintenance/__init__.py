"""Verify, rebuild and maintain a live index.

An operator's command enters, with the open index. Findings and reports about the index leave, such as broken
laws or large blocks. ``rebuild`` and ``feed_generation`` alone also write.
"""

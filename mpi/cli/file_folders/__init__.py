"""Folders of files: those that are watched, and those that are pulled from other systems."""

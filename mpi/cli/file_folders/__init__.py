"""Folders of files that are watched or pulled from other systems."""

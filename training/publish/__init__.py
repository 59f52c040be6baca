"""Checks fitted models and freezes them under ``models/``."""

"""Measures a model against records whose truth is known."""

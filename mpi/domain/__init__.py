"""Nouns and rules of the index: standard library only, pure, no I/O."""

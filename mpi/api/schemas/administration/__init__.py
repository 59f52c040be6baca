"""API schemas of what administrators set."""

"""API schemas of links into the desk, and of its long work."""

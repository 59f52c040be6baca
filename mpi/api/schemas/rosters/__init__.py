"""API schemas of lists of children in care."""

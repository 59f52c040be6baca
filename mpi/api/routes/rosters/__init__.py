"""Routes of lists of children in care."""

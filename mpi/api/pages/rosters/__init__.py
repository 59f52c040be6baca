"""Pages of lists of children in care, for districts and caseworkers."""

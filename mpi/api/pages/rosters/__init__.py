"""Pages of lists of children in care: of a district's students, and of a caseworker's children."""

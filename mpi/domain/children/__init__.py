"""Values about children in care."""

"""Routes of published reports on children."""

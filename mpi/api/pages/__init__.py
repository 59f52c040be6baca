"""Plain pages for a demonstration: HTML that needs no script."""

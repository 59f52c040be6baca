"""API schemas of links into the pages of the desk."""

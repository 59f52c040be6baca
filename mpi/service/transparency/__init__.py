"""What the public is told: uses, figures, and how to object."""

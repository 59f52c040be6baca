"""What the public is told of the index: uses, figures, and how to ask and object."""

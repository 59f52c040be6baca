"""Which pairs are compared, and how strong each is: keys, model, scorers."""

"""Practice pairs for stewards: simulated records whose truth is known, the hard kinds among them."""

"""``mpi demo``: a small simulated state, loaded and resolved, and the story of one child in it."""

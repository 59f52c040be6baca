"""Pages by which people correct which records are one child.

Chosen children and records enter, with a reason, and values that somebody knows to be wrong. Each page runs a
use case of ``mpi.service.stewardship``, first as a preview. HTML pages that show what would change leave, and
redirects once it has changed.
"""

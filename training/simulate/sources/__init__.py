"""Records that four source systems write about the simulated children.

The package decides which records each system has and when, and writes them with gaps and errors. A
simulated state, rosters and rates enter. Source files in canonical columns leave, with the truth
about each record.
"""

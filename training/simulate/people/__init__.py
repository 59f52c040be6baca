"""Truth of the simulated state: families, names, care, schooling and flags.

The package draws people and their lives stage by stage and can show the state on any past day. A
seed, rates and name lists enter. A ``SimulatedState`` and a timeline leave, from which sources
write their records.
"""

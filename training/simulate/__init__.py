"""Simulator of a synthetic state: children, homes, care, schools and their records.

Four systems record households with siblings and twins, foster and kinship care, adoptions, moves,
errors and gaps. A seed, the rates of ``rates.toml`` (each with its source) and name lists enter;
nothing comes from a real record. Canonical files, weekly feeds, the truth and a manifest leave.
"""

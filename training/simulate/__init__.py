"""The simulated state: children, homes, care and schools, and four systems' records of them.

Households with siblings and twins, foster and kinship care, group homes, adoptions, moves, two surnames,
nicknames, mistakes and gaps, at the rates of ``rates.toml``, each with its source. Nothing in it comes from
a real person's record.
"""

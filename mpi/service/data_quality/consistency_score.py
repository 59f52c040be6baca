"""How often linked records of two agencies agree, for a scorecard."""

from dataclasses import dataclass

from mpi.domain.statistics.sampling import Estimate


@dataclass(frozen=True, slots=True)
class FieldConsistency:
    """How often a field agrees with linked records of another source kind.

    Args:
        partner: kind of the other sources.
        field: canonical field, or the population of a flag.
        known: linked children of whom both state the field, or one of them states the flag; published.
        share: of these, the share of whom both state the same, in whole percents.
    """

    partner: str
    field: str
    known: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class Consistency:
    """How often a source agrees with linked records of other source kinds.

    Args:
        as_of: day of which the figures are, ``YYYY-MM-DD``.
        every: one child of so many was looked at.
        fields: shares by partner and field; counts that are too small are left out.
    """

    as_of: str
    every: int
    fields: tuple[FieldConsistency, ...]

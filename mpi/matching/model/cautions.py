"""Cautions: what keeps a pair from being linked by the model alone, however much it weighs.

Weights add up as if each comparison spoke for itself. Where they do not (twins share all but a given name;
strangers of one name and birth date share nothing else) no weight of a level is right for rare and common
names alike, so a caution caps the whole: the pair goes to a person. A caution only ever lowers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from mpi.domain.errors import ModelError
from mpi.domain.weight import Band, Thresholds

OPPOSED_CAUTION = "nothing but name and birth date in common, and something against"


@dataclass(frozen=True, slots=True)
class Cautions:
    """The cautions of a model; SQL conditions over columns of Features, as in its comparisons.

    Args:
        bits: the most that a pair weighs of which any caution holds: in the review band.
        when: what is said to people, and the condition.
        uncorroborated: holds where nothing but name and birth date speaks for the pair; FALSE where the
            model does not tell.
        opposed: holds where, besides, something speaks against it: its own caution, under ``OPPOSED_CAUTION``.
    """

    bits: float = 0.0
    when: Mapping[str, str] = field(default_factory=dict)
    uncorroborated: str = "FALSE"
    opposed: str = "FALSE"

    @property
    def conditions(self) -> Mapping[str, str]:
        """Every caution, the opposed pairs' first."""
        return {OPPOSED_CAUTION: self.opposed, **self.when} if self.when else {}

    def write_capped_weight(self, bits: str, conditions: Sequence[str]) -> str:
        """SQL of a weight as far as the cautions let it.

        Args:
            bits: the weight, in SQL.
            conditions: those of the cautions, as they are written where it stands.
        """
        if not conditions:
            return bits
        is_held = f"{bits} > {self.bits!r} AND ({' OR '.join(conditions)})"
        return f"CASE WHEN {is_held} THEN {self.bits!r} ELSE {bits} END"

    def fits_review_band(self, thresholds: Thresholds) -> bool:
        """Whether a cautioned pair is for review by these thresholds, never linked by the model alone."""
        return not self.when or thresholds.classify(self.bits) is Band.REVIEW

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> Self:
        """Read the ``[cautions]`` table of a model.

        Raises:
            ModelError: it is not of that form.
        """
        try:
            bits, when = float(table["bits"]), dict(table["when"])
        except (KeyError, TypeError, ValueError):
            raise ModelError("cautions: the table needs `bits` and a table `when`") from None
        rest = [table.get(name, "FALSE") for name in ("uncorroborated", "opposed")]
        if not all(isinstance(condition, str) for condition in (*when.values(), *rest)):
            raise ModelError("cautions: a condition is SQL in quotes")
        return cls(bits, when, *rest)


NO_CAUTIONS = Cautions()

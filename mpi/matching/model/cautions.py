"""Cautions: conditions that cap a pair's weight within the review band.

Weights add up as if each comparison spoke for itself. Where they do not (twins share all but a given name;
strangers of one name and birth date share nothing else) no weight of a level is right for rare and common
names alike, so a caution caps the match weight: the pair goes to a person. A caution only ever lowers. It
may give way from a weight on, stated per model: there the fit expects too few other people to ask.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from mpi.domain.errors import ModelError
from mpi.domain.weight import Band, Thresholds

OPPOSED_CAUTION = "nothing but name and birth date in common, and something against"
"""Name of the caution of opposed pairs."""


@dataclass(frozen=True, slots=True)
class Cautions:
    """Conditions of a model under which a pair's weight is capped.

    Args:
        bits: most that a pair weighs where any caution holds: in the review band.
        when: text for people, and the condition.
        uncorroborated: holds where only name and birth date speak for the pair; FALSE where the
            model does not tell.
        opposed: holds where, in addition, something speaks against the pair: a caution of its own, under
            ``OPPOSED_CAUTION``.
        until: weight in bits, by text of a caution, from which it gives way; a caution not listed holds
            at any weight.
    """

    bits: float = 0.0
    when: Mapping[str, str] = field(default_factory=dict)
    uncorroborated: str = "FALSE"
    opposed: str = "FALSE"
    until: Mapping[str, float] = field(default_factory=dict)

    @property
    def conditions(self) -> Mapping[str, str]:
        """SQL condition of every caution, that of opposed pairs first."""
        return {OPPOSED_CAUTION: self.opposed, **self.when} if self.when else {}

    def write_capped_weight(self, bits: str, conditions: Sequence[str]) -> str:
        """Write SQL of a pair's weight, capped where a caution holds.

        Args:
            bits: the weight, in SQL.
            conditions: conditions of the cautions, as SQL in that query, in the order of ``conditions``.
        """
        if not conditions:
            return bits
        is_held = f"{bits} > {self.bits!r} AND ({self.write_any(bits, conditions)})"
        return f"CASE WHEN {is_held} THEN {self.bits!r} ELSE {bits} END"

    def write_any(self, bits: str, conditions: Sequence[str], suffix: str = "") -> str:
        """Write SQL that is true where any caution holds at a weight.

        Args:
            bits: the weight, in SQL.
            conditions: conditions of the cautions, as SQL in that query, in the order of ``conditions``.
            suffix: text that marks a number as a double in that SQL.
        """
        return " OR ".join(
            f"({condition} AND {bits} < {self.until[label]!r}{suffix})" if label in self.until else condition
            for label, condition in zip(self.conditions, conditions, strict=True)
        )

    def fits_review_band(self, thresholds: Thresholds) -> bool:
        """Return whether the thresholds put capped pairs into clerical review.

        The model alone then never links them.
        """
        return not self.when or thresholds.classify(self.bits) is Band.REVIEW

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> Self:
        """Parse the ``[cautions]`` table of a model.

        Raises:
            ModelError: it is not of that form.
        """
        try:
            bits, when = float(table["bits"]), dict(table["when"])
        except (KeyError, TypeError, ValueError):
            raise ModelError("cautions: the table needs `bits` and a table `when`") from None
        uncorroborated, opposed = (table.get(name, "FALSE") for name in ("uncorroborated", "opposed"))
        if not all(isinstance(condition, str) for condition in (*when.values(), uncorroborated, opposed)):
            raise ModelError("cautions: a condition is SQL in quotes")
        until = _parse_until(table.get("until", {}), {OPPOSED_CAUTION, *when})
        return cls(bits, when, uncorroborated, opposed, until)


def _parse_until(table: object, labels: Collection[str]) -> dict[str, float]:
    """Parse the weights from which cautions give way.

    Raises:
        ModelError: a weight is no number, or its caution is unknown.
    """
    if not isinstance(table, Mapping):
        raise ModelError("cautions: `until` is a table of weights by caution")
    for label, bits in table.items():
        if label not in labels:
            raise ModelError(f"cautions: `until` names {label!r}, which is no caution of the model")
        if isinstance(bits, bool) or not isinstance(bits, int | float) or not math.isfinite(bits):
            raise ModelError(f"cautions: the weight until which {label!r} holds is no number")
    return {label: float(bits) for label, bits in table.items()}


NO_CAUTIONS = Cautions()
"""The cautions of a model that has none."""

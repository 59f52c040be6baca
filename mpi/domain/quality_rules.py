"""Settings of second review, practice and published figures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualityRules:
    """How much second review and practice stewards of an index must do.

    Args:
        second_share: share of a steward's answers that another steward judges too, blind; 0 to 1.
        practice_required: whether a steward must practice before claiming a question.
        practice_agreement: share of right practice answers that opens live work; 0 to 1.
        practice_last: number of latest practice answers that the share is of.
    """

    second_share: float = 0.05
    practice_required: bool = False
    practice_agreement: float = 0.85
    practice_last: int = 40


@dataclass(frozen=True, slots=True)
class PublicationRules:
    """How exact published figures are, and how late they are shown.

    The noise has Laplace's distribution: its scale is the standard deviation divided by the root of 2.

    Args:
        base: multiple to which a count is rounded.
        lag_days: days from the measurement of figures to their publication; at least 1.
    """

    base: int = 10
    lag_days: int = 1

    @property
    def noise_scale(self) -> float:
        """The scale of the noise that a count gets each day."""
        return 2.5 * self.base

    @property
    def count_error(self) -> float:
        """The standard deviation of a published count from the exact one, simulated."""
        return 3.5 * self.base

    @property
    def hold_distance(self) -> int:
        """The difference below which a published count stays as it was."""
        return 8 * self.base

    @property
    def smallest_shown(self) -> int:
        """The smallest published count that is shown."""
        return 10 * self.base

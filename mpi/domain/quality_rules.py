"""Settings of how much second review and practice stewards must do."""

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

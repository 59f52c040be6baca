"""How the work at the steward's desk is watched: second reviews, and practice before live work."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualityRules:
    """What an index asks of its stewards.

    Args:
        second_share: of a steward's answers, the share that another steward is asked too, blind; 0 to 1.
        practice_required: whether a steward's account has to practise before it claims a question.
        practice_agreement: share of right answers that opens live work; 0 to 1.
        practice_last: how many practice answers, the latest, that share is of.
    """

    second_share: float = 0.05
    practice_required: bool = False
    practice_agreement: float = 0.85
    practice_last: int = 40

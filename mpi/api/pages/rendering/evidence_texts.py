"""Evidence in words, for pages that compare no fields."""

from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.matching.compiler.online_scorer import WeightContribution
from mpi.service.explanations import wording
from mpi.service.explanations.evidence_strength import LikelyAnswer, find_likely_answer, grade_strength


def describe_strength(match_weight: float) -> str:
    """Describe how strong a match weight is, and if it opposes.

    Args:
        match_weight: in bits, prior included.
    """
    texts = load_words().evidence
    is_same = find_likely_answer(match_weight) is LikelyAnswer.SAME
    pattern = texts.strength if is_same else texts.strength_against
    return str(format_text(pattern, strength=texts.strengths.of(grade_strength(match_weight))))


def describe_part(part: WeightContribution) -> str:
    """Describe what the model found in one comparison."""
    if part.comparison == wording.CAUTION:
        return wording.describe_caution(part.level)
    return wording.describe_level(part.comparison, part.level)

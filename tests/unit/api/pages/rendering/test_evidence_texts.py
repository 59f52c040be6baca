"""Strength of evidence as pages tell it."""

import pytest

from mpi.api.pages.rendering.evidence_texts import describe_strength


@pytest.mark.parametrize(
    ("match_weight", "text"),
    [
        (0.0, "Weak evidence"),
        (9.9, "Very strong evidence"),
        (5.0, "Strong evidence"),
        (-2.0, "Moderate evidence against"),
    ],
)
def test_a_match_weight_is_told_as_strength_for_or_against(match_weight, text):
    assert describe_strength(match_weight) == text

"""Test that every shown name and code of the shipped model has its wording."""

import pytest

from mpi.domain.decision import Authority
from mpi.domain.survivorship.values import SelectionReason
from mpi.domain.weight import Band
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.diagnostics.pair_variations import COLUMNS_OF_SUBJECT
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.service.explanations import wording
from mpi.service.explanations.evidence_strength import LikelyAnswer, Strength


def test_every_comparison_level_and_caution_of_the_shipped_model_has_a_wording():
    scorer = compile_scorer(load_model(find_model_folder()))
    words = wording.load_words()
    for comparison in scorer.parameters.comparisons:
        assert comparison.name in words["comparisons"]
        level_words = words["levels"][comparison.name]
        assert [level.label for level in comparison.levels if level.label not in level_words] == []
    assert [name for name in scorer.cautions.conditions if name not in words["cautions"]] == []


def test_every_rule_band_authority_and_what_if_subject_has_a_wording():
    words = wording.load_words()
    assert {rule.value for rule in SelectionReason} == set(words["rules"])
    assert {band.value for band in Band} == set(words["would_be"])
    assert {strength.value for strength in Strength} == set(words["strengths"])
    assert {answer.value for answer in LikelyAnswer} == set(words["answers"])
    # A hold is not a person's decision; it has its own sentence.
    assert {authority.name for authority in Authority} - {"HOLD"} == set(words["authorities"])
    assert set(words["what_ifs"]) == set(COLUMNS_OF_SUBJECT)


def test_unlisted_name_is_shown_as_the_model_names_it():
    assert wording.describe_level("eye_colour", "much alike") == "eye colour: much alike"
    assert wording.describe_level("given", "rhymes") == "first name: rhymes"
    assert wording.describe_cause("eclipse") == "eclipse"


@pytest.mark.parametrize(
    ("parts", "phrase"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b, and c"),
        (["a, or so", "b"], "a, or so; and b"),
        (["a and b", "c"], "a and b; and c"),
        (["a, or so", "b", "c"], "a, or so; b; and c"),
    ],
)
def test_list_is_joined_in_plain_english(parts, phrase):
    assert wording.join_phrases(parts) == phrase

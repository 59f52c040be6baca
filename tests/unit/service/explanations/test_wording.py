"""Every name of the shipped model, and every code that is shown, has its words."""

import pytest

from mpi.domain.decision import Authority
from mpi.domain.survivorship import SelectionReason
from mpi.domain.weight import Band
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.diagnostics.what_if import COLUMNS_OF_SUBJECT
from mpi.matching.model.model import find_model_folder, load_model
from mpi.service.explanations import wording


def test_every_comparison_level_and_caution_of_the_shipped_model_has_its_words():
    scorer = compile_scorer(load_model(find_model_folder()))
    words = wording.load_words()
    for comparison in scorer.parameters.comparisons:
        assert comparison.name in words["comparisons"]
        said = words["levels"][comparison.name]
        assert [level.label for level in comparison.levels if level.label not in said] == []
    assert [name for name in scorer.cautions.conditions if name not in words["cautions"]] == []


def test_every_rule_band_authority_and_thing_that_could_be_otherwise_has_its_words():
    words = wording.load_words()
    assert {rule.value for rule in SelectionReason} == set(words["rules"])
    assert {band.value for band in Band} == set(words["bands"]) == set(words["would_be"])
    # A hold is nobody's word, and has a sentence of its own.
    assert {authority.name for authority in Authority} - {"HOLD"} == set(words["authorities"])
    assert set(words["what_ifs"]) == set(COLUMNS_OF_SUBJECT)


def test_what_is_not_listed_reads_as_the_model_names_it():
    assert wording.describe_level("eye_colour", "much alike") == "eye colour: much alike"
    assert wording.describe_level("given", "rhymes") == "given name: rhymes"
    assert wording.describe_cause("eclipse") == "eclipse"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b, and c"),
        (["a, or so", "b"], "a, or so; and b"),
        (["a, or so", "b", "c"], "a, or so; b; and c"),
    ],
)
def test_a_list_reads_as_people_write_it(parts, said):
    assert wording.join_phrases(parts) == said

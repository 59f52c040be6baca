"""Test that evidence, phrases and field verdicts of a pair agree with the model's levels."""

from itertools import pairwise

import pytest

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.service.explanations import wording
from mpi.service.explanations.pair_evidence import (
    FieldVerdict,
    collect_evidence,
    collect_field_verdicts,
    list_against,
    list_for,
    sum_bits,
)
from tests.unit.matching.random_features import random_records

CHILD = {
    "given": "AMARA", "given_forms": ("AMARA",), "given_roots": ("AMARA",), "surname": "OKONKWO",
    "surname_tokens": ("OKONKWO",), "surname_forms": ("OKONKWO",), "birth_date": "2014-03-09",
    "birth_dates": ("2014-03-09",), "birth_year": 2014, "sex": "F",
}  # fmt: skip
HOME = {"addresses": ("12 ELM ST|45402",), "postal_code": "45402", "street": "ELM ST", "street_number": "12"}
AWAY = {
    "addresses": ("77 OAK AVE|44301",),
    "postal_code": "44301",
    "street": "OAK AVE",
    "street_number": "77",
}
MARKED = {"same": FieldVerdict.SAME, "different": FieldVerdict.DIFFERENT}


@pytest.fixture(scope="module")
def scorer():
    """Scorer of the shipped model."""
    return compile_scorer(load_model(find_model_folder()))


def compare(scorer, left, right):
    """Return the evidence of two records of one child's names."""
    return collect_evidence(scorer, Features(**{**CHILD, **left}), Features(**{**CHILD, **right}))


def verdict_of(evidence, field):
    return collect_field_verdicts(evidence)[field]


def residence(evidence):
    return next(item for item in evidence if item.comparison == "residence")


def names_a_difference(phrase):
    return "different" in phrase


def names_an_agreement(phrase):
    return phrase.startswith(("same", "SSN: same"))


def test_a_value_that_one_record_lacks_is_never_different(scorer):
    evidence = compare(scorer, {**HOME, "phones": ("+16145550100",)}, {"phones": ("+16145550199",)})
    assert verdict_of(evidence, "addresses") is FieldVerdict.MISSING
    assert verdict_of(evidence, "phone") is FieldVerdict.DIFFERENT
    assert residence(evidence).phrase == "different phone numbers"
    assert verdict_of(compare(scorer, {"ssn": "a"}, {}), "ssn") is FieldVerdict.MISSING


def test_mother_and_father_are_two_caregivers_and_no_contradiction(scorer):
    evidence = compare(scorer, {"guardians": ("DENISE OKONKWO",)}, {"guardians": ("PETER OKONKWO",)})
    assert verdict_of(evidence, "guardians") is FieldVerdict.NEUTRAL
    assert not any(names_a_difference(item.phrase) for item in evidence)


def test_home_and_contact_names_only_what_agrees(scorer):
    evidence = compare(scorer, {**HOME, "email": "a@b.c"}, {**AWAY, "email": "a@b.c"})
    assert residence(evidence).phrase == "same e-mail address"
    assert verdict_of(evidence, "email") is FieldVerdict.SAME
    assert verdict_of(evidence, "addresses") is FieldVerdict.DIFFERENT
    assert residence(compare(scorer, HOME, HOME)).phrase == "same address"


def test_one_home_written_two_ways_is_alike(scorer):
    written = {**HOME, "addresses": ("12 ELM STREET|45402",), "street": "ELM STR"}
    evidence = compare(scorer, HOME, written)
    assert verdict_of(evidence, "addresses") is FieldVerdict.ALIKE
    assert residence(evidence).phrase == "addresses spelled alike"


def test_a_city_without_a_street_is_no_different_address(scorer):
    evidence = compare(
        scorer,
        {**HOME, "phones": ("+16145550100",)},
        {"postal_code": "45402", "phones": ("+16145550199",)},
    )
    assert verdict_of(evidence, "addresses") is FieldVerdict.ALIKE


def test_a_name_that_the_model_calls_alike_is_alike(scorer):
    evidence = compare(
        scorer, {}, {"given": "AMARAH", "given_forms": ("AMARAH",), "given_roots": ("AMARAH",)}
    )
    assert verdict_of(evidence, "first_name") is FieldVerdict.ALIKE
    assert verdict_of(evidence, "last_name") is FieldVerdict.SAME


def test_an_equal_ssn_is_shown_as_the_same(scorer):
    evidence = compare(scorer, {"ssn": "token"}, {"ssn": "token"})
    assert "SSN: same" in [item.phrase for item in list_for(evidence)]


def test_evidence_is_the_same_in_either_order_and_adds_up_to_the_weight(scorer):
    for left, right in pairwise(features for _, features in random_records(200, 5)):
        evidence = collect_evidence(scorer, left, right)
        assert evidence == collect_evidence(scorer, right, left)
        assert sum_bits(evidence) == pytest.approx(scorer.weigh(left, right), abs=1e-6)


def test_no_phrase_contradicts_the_verdicts_of_its_fields(scorer):
    """Over arbitrary pairs, and so over most levels of the model."""
    seen = set()
    for left, right in pairwise(features for _, features in random_records(2_000, 7)):
        for item in collect_evidence(scorer, left, right):
            verdicts = {field.verdict for field in item.fields}
            seen.add((item.comparison, item.level))
            if not item.fields or not item.is_counted:
                continue
            assert not names_a_difference(item.phrase) or FieldVerdict.DIFFERENT in verdicts, item
            assert not names_an_agreement(item.phrase) or FieldVerdict.SAME in verdicts, item
            if len(item.fields) == 1:
                assert names_a_difference(item.phrase) == (FieldVerdict.DIFFERENT in verdicts), item
                assert names_an_agreement(item.phrase) == (FieldVerdict.SAME in verdicts), item
    assert len(seen) > 60


def test_no_evidence_is_both_for_and_against(scorer):
    for left, right in pairwise(features for _, features in random_records(200, 9)):
        evidence = collect_evidence(scorer, left, right)
        supporting = {item.comparison for item in list_for(evidence)}
        opposing = {item.comparison for item in list_against(evidence)}
        assert not supporting & opposing
        assert wording.PRIOR not in supporting | opposing
        assert wording.CAUTION not in supporting | opposing

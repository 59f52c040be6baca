"""Test explanations of a pair: sentence, parts, what would change it, and privacy."""

from dataclasses import replace
from itertools import pairwise

import pytest

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.domain.weight import Band, compute_probability, round_weight
from mpi.service.explanations.pair_explanation import explain_features, explain_pair
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.corrections import correct_value
from tests.index import OPERATOR, crosswalk, make_child
from tests.unit.matching.random_features import random_records
from tests.unit.service.stewardship.test_corrections import WHY
from tests.unit.service.stewardship.test_decisions import SIS_ONLY, make_decision

HOME = {"address_line1": "12 Elm St", "city": "Dayton", "state": "OH", "postal_code": "45402"}
AWAY = {"address_line1": "77 Oak Ave", "city": "Akron", "state": "OH", "postal_code": "44301"}
FIRST_RECORD = RecordRef("sis", "1")


@pytest.fixture(scope="module")
def shipped_index(tmp_path_factory):
    """An index with the shipped model and the record that others are compared with."""
    index, _ = init_index(Settings(home=tmp_path_factory.mktemp("home") / "mpi"), is_test=True)
    for code in ("sis", "ccwis"):
        add_source(index, OPERATOR, NewSource(code))
    upsert(index, OPERATOR, "sis", make_child("1", middle_name="Ann", **HOME))
    yield index
    index.database.dispose()


def explain_new_record(index, local_id: str, viewer=OPERATOR, **changes):
    """Upsert a record and explain its pair with the first record."""
    upsert(index, OPERATOR, "ccwis", make_child(local_id, **{**HOME, **changes}))
    return explain_pair(index, viewer, FIRST_RECORD, RecordRef("ccwis", local_id))


def test_explanation_names_strength_and_evidence_for_and_against(shipped_index):
    explanation = explain_new_record(shipped_index, "day", birth_date="2014-03-10", middle_name="Ann", **AWAY)
    assert explanation.sentence == (
        "Very strong evidence for the same child: same name, birth dates one day apart, "
        "and same middle name. Against the same child: different addresses."
    )
    assert explanation.band is Band.LINK
    assert explanation.probability == compute_probability(explanation.match_weight)
    assert explanation.opposes == ("Different addresses.",)


def test_pair_held_by_a_caution_states_the_reason_and_its_weight(shipped_index):
    explanation = explain_new_record(shipped_index, "twin", first_name="Amari", sex="M")
    assert "Would be linked automatically, except: twins share a home and a birthday" in explanation.sentence
    assert explanation.band is Band.REVIEW
    assert len(explanation.cautions) == 1
    assert explanation.parts[-1].comparison == "caution"
    assert explanation.match_weight == pytest.approx(shipped_index.matcher.scorer.cautions.bits)


def test_parts_sum_to_the_match_weight_from_the_prior(shipped_index):
    for local_id, changes in {"p1": {}, "p2": {"first_name": "Amari", "sex": "M"}, "p3": AWAY}.items():
        explanation = explain_new_record(shipped_index, local_id, **changes)
        assert explanation.parts[0].comparison == "prior"
        assert sum(part.bits for part in explanation.parts) == pytest.approx(
            explanation.match_weight, abs=1e-4
        )


def test_bits_of_a_rare_name_are_reported_separately(shipped_index):
    parts = {part.comparison: part for part in explain_new_record(shipped_index, "rare").parts}
    assert parts["surname"].level == "same"
    assert 0 < parts["surname"].frequency_bits < parts["surname"].bits
    assert parts["sex"].frequency_bits == 0


def test_stated_change_equals_the_score_of_the_changed_pair(shipped_index):
    explanation = explain_new_record(shipped_index, "sibling", first_name="Chidi", birth_date="2011-07-02")
    assert explanation.band is Band.NON_LINK
    [change] = [
        each for each in explanation.changes if each.sentence.startswith("If one birth date were missing")
    ]
    assert change.band is Band.REVIEW
    changed_pair = explain_new_record(shipped_index, "undated", first_name="Chidi", birth_date=None)
    assert changed_pair.match_weight == pytest.approx(change.match_weight, abs=1e-4)
    assert changed_pair.band is change.band


def test_every_stated_change_moves_the_pair_to_another_band(shipped_index):
    for local_id, changes in {"c1": {}, "c2": AWAY, "c3": {"first_name": "Amari", "sex": "M"}}.items():
        explanation = explain_new_record(shipped_index, local_id, **changes)
        thresholds = shipped_index.matcher.model.thresholds
        assert explanation.changes
        assert explanation.unchangeable is None
        for change in explanation.changes:
            assert thresholds.classify(change.match_weight) is change.band is not explanation.band


def test_explanations_are_consistent_for_arbitrary_pairs(shipped_index):
    thresholds = shipped_index.matcher.model.thresholds
    similar_records = [features for _, features in random_records(200, 11)]
    bands = set()
    for left, right in pairwise(similar_records):
        explanation = explain_features(shipped_index, left, right)
        bands.add(explanation.band)
        assert explanation.match_weight == round_weight(shipped_index.matcher.scorer.weigh(left, right))
        assert sum(part.bits for part in explanation.parts) == pytest.approx(
            explanation.match_weight, abs=1e-4
        )
        assert explanation.band is thresholds.classify(explanation.match_weight)
        assert all(change.band is not explanation.band for change in explanation.changes)
        assert (explanation.unchangeable is None) == bool(explanation.changes)
    assert bands == set(Band)


def test_pair_that_no_single_change_moves_says_so(shipped_index):
    explanation = explain_new_record(
        shipped_index, "far", first_name="Bo", last_name="Zwart", birth_date="2001-01-05", **AWAY
    )
    assert explanation.changes == ()
    assert "No single change" in explanation.unchangeable
    assert explanation.found_by == ()


def test_blocking_rules_that_find_the_pair_are_named(shipped_index):
    explanation = explain_new_record(shipped_index, "blocked", **AWAY)
    assert "birth-name" in explanation.found_by
    assert "home-given" not in explanation.found_by


def test_explanation_does_not_depend_on_record_order(shipped_index):
    # The frequency of a name would matter if the order did.
    for local_id, name in (("order", "Maria"), ("other", "Emma")):
        explanation = explain_new_record(shipped_index, local_id, first_name=name)
        assert any("first name" in change.sentence for change in explanation.changes)
        assert (
            explain_pair(shipped_index, OPERATOR, RecordRef("ccwis", local_id), FIRST_RECORD) == explanation
        )


def test_explanation_contains_no_value_of_either_record(shipped_index):
    shown = repr(
        explain_new_record(
            shipped_index, "values", middle_name="Xanthippe", ssn="412-55-9182", phone="614-555-0111",
            restrictions=[{"kind": "address_confidential"}],
        )
    )  # fmt: skip
    for value in ("Amara", "Okonkwo", "2014", "Elm", "Dayton", "45402", "Xanthippe", "9182", "614", "confid"):
        assert value not in shown
    # The address of the first record, which the other tests compare, is no longer withheld.
    withdraw(shipped_index, OPERATOR, "ccwis", "values")


def test_current_persons_and_decisions_are_shown_with_the_model_result(shipped_index):
    explanation = explain_new_record(
        shipped_index, "stands", first_name="Bo", last_name="Zwart", birth_date="2001-01-05", **AWAY
    )
    assert explanation.standing == ("These records are currently two children.",)
    number = make_decision(shipped_index, "SAME", ["sis:1", "ccwis:stands"])
    explanation = explain_pair(shipped_index, OPERATOR, FIRST_RECORD, RecordRef("ccwis", "stands"))
    assert explanation.band is Band.NON_LINK
    assert explanation.standing == (
        "These records are currently one child.",
        f"A steward answered “same child” (#{number}).",
    )
    upsert(shipped_index, OPERATOR, "ccwis", make_child("stood", **AWAY))
    different = make_decision(shipped_index, "DIFFERENT", ["sis:1"], ["ccwis:stood"])
    explanation = explain_pair(shipped_index, OPERATOR, FIRST_RECORD, RecordRef("ccwis", "stood"))
    assert f"A steward answered “different children” (#{different})." in explanation.standing


def test_pair_with_a_record_hidden_from_the_viewer_is_not_explained(shipped_index):
    upsert(shipped_index, OPERATOR, "ccwis", make_child("hidden"))
    with pytest.raises(NotFoundError) as hidden_error:
        explain_pair(shipped_index, SIS_ONLY, FIRST_RECORD, RecordRef("ccwis", "hidden"))
    with pytest.raises(NotFoundError) as unknown_error:
        explain_pair(shipped_index, SIS_ONLY, FIRST_RECORD, RecordRef("ccwis", "never"))
    assert str(hidden_error.value) == str(unknown_error.value)


@pytest.mark.parametrize("kind", ["sealed", "expunged"])
def test_pair_with_a_sealed_record_is_not_explained(shipped_index, kind):
    upsert(shipped_index, OPERATOR, "ccwis", make_child(kind))
    upsert(shipped_index, OPERATOR, "ccwis", make_child(kind, restrictions=[{"kind": kind}]))
    with pytest.raises(NotFoundError):
        explain_pair(shipped_index, OPERATOR, FIRST_RECORD, RecordRef("ccwis", kind))


def test_withdrawn_or_corrected_record_is_not_compared(shipped_index):
    upsert(shipped_index, OPERATOR, "ccwis", make_child("gone"))
    withdraw(shipped_index, OPERATOR, "ccwis", "gone")
    with pytest.raises(ConflictError):
        explain_pair(shipped_index, OPERATOR, FIRST_RECORD, RecordRef("ccwis", "gone"))
    eid = crosswalk(shipped_index)["sis", "1"]
    correct_value(shipped_index, OPERATOR, eid, "preferred_name", "Mara", WHY)
    [record] = {
        v.record
        for v in look_up_golden_record(shipped_index, OPERATOR, eid).values
        if v.attribute == "preferred_name"
    }
    with pytest.raises(NotFoundError):
        explain_pair(shipped_index, OPERATOR, FIRST_RECORD, record)
    with pytest.raises(InputError):
        explain_pair(shipped_index, OPERATOR, FIRST_RECORD, FIRST_RECORD)


def test_explanation_needs_record_read_and_is_logged_as_a_disclosure(shipped_index):
    viewer = replace(OPERATOR, actions=frozenset(Action) - {Action.RECORD_READ})
    with pytest.raises(AccessDenied):
        explain_pair(shipped_index, viewer, FIRST_RECORD, RecordRef("ccwis", "day"))
    explain_new_record(shipped_index, "ledger")
    with shipped_index.database.read(OPERATOR) as unit:
        [record] = unit.records.find_by_local_ids(unit.sources.get_by_code("ccwis").id, ["ledger"]).values()
        lines = unit.disclosure_search.about_records("", [record.id])
        [line] = [each for each in lines if each.handle is None and each.action == Action.RECORD_READ]
    assert line.fields == ("match_weight", "explanation")
    assert len(line.record_ids) == 2

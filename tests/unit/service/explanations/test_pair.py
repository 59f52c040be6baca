"""Explanations: one plain sentence, parts that add up, what would change it; nothing of what is not seen."""

from dataclasses import replace
from itertools import pairwise

import pytest

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.domain.weight import Band, compute_probability, round_weight
from mpi.service.explanations.pair import explain_features, explain_pair
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.corrections import correct_value
from tests.index import OPERATOR, a_child, crosswalk
from tests.unit.matching.pairs import records
from tests.unit.service.stewardship.test_corrections import WHY
from tests.unit.service.stewardship.test_decisions import SIS_ONLY, said

HOME = {"address_line1": "12 Elm St", "city": "Dayton", "state": "OH", "postal_code": "45402"}
AWAY = {"address_line1": "77 Oak Ave", "city": "Akron", "state": "OH", "postal_code": "44301"}
ONE = RecordRef("sis", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An index of the shipped model, with the record that the others are compared with."""
    index, _ = init_index(Settings(home=tmp_path_factory.mktemp("home") / "mpi"), is_test=True)
    for code in ("sis", "ccwis"):
        add_source(index, OPERATOR, NewSource(code))
    upsert(index, OPERATOR, "sis", a_child("1", middle_name="Ann", **HOME))
    yield index
    index.database.dispose()


def against(index, local_id: str, viewer=OPERATOR, **changes):
    """The explanation of a record that is put, compared with the first."""
    upsert(index, OPERATOR, "ccwis", a_child(local_id, **{**HOME, **changes}))
    return explain_pair(index, viewer, ONE, RecordRef("ccwis", local_id))


def test_a_pair_is_told_in_one_sentence_with_its_weight_and_band(made):
    found = against(made, "day", birth_date="2014-03-10", middle_name="Ann", **AWAY)
    said = "Same name, birth dates one day apart, same middle name, and different addresses: "
    assert found.sentence.startswith(said)
    assert found.sentence.endswith(" bits, enough to link.")
    assert found.band is Band.LINK
    assert found.probability == compute_probability(found.match_weight)
    assert found.opposes == ("Different addresses.",)


def test_a_pair_that_a_caution_holds_says_why_and_what_it_would_weigh(made):
    found = against(made, "twin", first_name="Amari", sex="M")
    assert "held for a person because twins have one home and one birthday" in found.sentence
    assert found.band is Band.REVIEW
    assert len(found.cautions) == 1
    assert found.parts[-1].comparison == "caution"
    assert found.match_weight == pytest.approx(made.matcher.scorer.cautions.bits)


def test_the_parts_add_up_to_the_weight_from_the_prior_on(made):
    for local_id, changes in {"p1": {}, "p2": {"first_name": "Amari", "sex": "M"}, "p3": AWAY}.items():
        found = against(made, local_id, **changes)
        assert found.parts[0].comparison == "prior"
        assert sum(part.bits for part in found.parts) == pytest.approx(found.match_weight, abs=1e-4)


def test_what_a_rare_name_adds_is_told_apart(made):
    parts = {part.comparison: part for part in against(made, "rare").parts}
    assert parts["surname"].level == "same"
    assert 0 < parts["surname"].frequency_bits < parts["surname"].bits
    assert parts["sex"].frequency_bits == 0


def test_a_change_that_is_told_is_what_the_scorer_says_when_it_is_so(made):
    found = against(made, "sibling", first_name="Chidi", birth_date="2011-07-02")
    assert found.band is Band.NON_LINK
    [change] = [each for each in found.changes if each.sentence.startswith("If one birth date were missing")]
    assert change.band is Band.REVIEW
    again = against(made, "undated", first_name="Chidi", birth_date=None)
    assert again.match_weight == pytest.approx(change.match_weight, abs=1e-4)
    assert again.band is change.band


def test_every_change_that_is_told_takes_the_pair_into_another_band(made):
    for local_id, changes in {"c1": {}, "c2": AWAY, "c3": {"first_name": "Amari", "sex": "M"}}.items():
        found = against(made, local_id, **changes)
        thresholds = made.matcher.model.thresholds
        assert found.changes
        assert found.unchangeable is None
        for change in found.changes:
            assert thresholds.classify(change.match_weight) is change.band is not found.band


def test_whatever_the_pair_parts_add_up_bands_fit_and_each_change_crosses_a_threshold(made):
    thresholds = made.matcher.model.thresholds
    near = [features for _, features in records(200, 11)]
    bands = set()
    for left, right in pairwise(near):
        found = explain_features(made, left, right)
        bands.add(found.band)
        assert found.match_weight == round_weight(made.matcher.scorer.weigh(left, right))
        assert sum(part.bits for part in found.parts) == pytest.approx(found.match_weight, abs=1e-4)
        assert found.band is thresholds.classify(found.match_weight)
        assert all(change.band is not found.band for change in found.changes)
        assert (found.unchangeable is None) == bool(found.changes)
    assert bands == set(Band)


def test_where_no_single_thing_would_change_it_that_is_said(made):
    found = against(made, "far", first_name="Bo", last_name="Zwart", birth_date="2001-01-05", **AWAY)
    assert found.changes == ()
    assert "No single thing" in found.unchangeable
    assert found.found_by == ()


def test_the_blocking_rules_that_bring_the_pair_together_are_named(made):
    found = against(made, "blocked", **AWAY)
    assert "birth-name" in found.found_by
    assert "home-given" not in found.found_by


def test_the_explanation_is_the_same_whichever_record_is_named_first(made):
    # A common name and a rare one: were they alike, it would matter which.
    for local_id, name in (("order", "Maria"), ("other", "Emma")):
        found = against(made, local_id, first_name=name)
        assert any("given name" in change.sentence for change in found.changes)
        assert explain_pair(made, OPERATOR, RecordRef("ccwis", local_id), ONE) == found


def test_no_value_of_either_record_is_told(made):
    shown = repr(
        against(
            made, "values", middle_name="Xanthippe", ssn="412-55-9182", phone="614-555-0111",
            restrictions=[{"kind": "address_confidential"}],
        )
    )  # fmt: skip
    for value in ("Amara", "Okonkwo", "2014", "Elm", "Dayton", "45402", "Xanthippe", "9182", "614", "confid"):
        assert value not in shown


def test_what_stands_is_told_beside_what_the_model_makes_of_the_pair(made):
    found = against(made, "stands", first_name="Bo", last_name="Zwart", birth_date="2001-01-05", **AWAY)
    assert found.standing == ("They are two persons now.",)
    number = said(made, "SAME", ["sis:1", "ccwis:stands"])
    found = explain_pair(made, OPERATOR, ONE, RecordRef("ccwis", "stands"))
    assert found.band is Band.NON_LINK
    assert found.standing == (
        "They are one person now.",
        f"Decision {number} of a steward says that they are the same child.",
    )
    upsert(made, OPERATOR, "ccwis", a_child("stood", **AWAY))
    other = said(made, "DIFFERENT", ["sis:1"], ["ccwis:stood"])
    found = explain_pair(made, OPERATOR, ONE, RecordRef("ccwis", "stood"))
    assert f"Decision {other} of a steward says that they are different children." in found.standing


def test_no_pair_with_a_record_that_the_viewer_may_not_see_is_explained(made):
    upsert(made, OPERATOR, "ccwis", a_child("hidden"))
    with pytest.raises(NotFoundError) as refused:
        explain_pair(made, SIS_ONLY, ONE, RecordRef("ccwis", "hidden"))
    with pytest.raises(NotFoundError) as unknown:
        explain_pair(made, SIS_ONLY, ONE, RecordRef("ccwis", "never"))
    assert str(refused.value) == str(unknown.value)


@pytest.mark.parametrize("kind", ["sealed", "expunged"])
def test_no_pair_with_a_sealed_record_is_explained(made, kind):
    upsert(made, OPERATOR, "ccwis", a_child(kind))
    upsert(made, OPERATOR, "ccwis", a_child(kind, restrictions=[{"kind": kind}]))
    with pytest.raises(NotFoundError):
        explain_pair(made, OPERATOR, ONE, RecordRef("ccwis", kind))


def test_a_record_that_takes_no_part_is_not_compared(made):
    upsert(made, OPERATOR, "ccwis", a_child("gone"))
    withdraw(made, OPERATOR, "ccwis", "gone")
    with pytest.raises(ConflictError):
        explain_pair(made, OPERATOR, ONE, RecordRef("ccwis", "gone"))
    eid = crosswalk(made)["sis", "1"]
    correct_value(made, OPERATOR, eid, "preferred_name", "Mara", WHY)
    [record] = {v.record for v in look_up_golden_record(made, OPERATOR, eid).values if v.attribute == "preferred_name"}
    with pytest.raises(NotFoundError):
        explain_pair(made, OPERATOR, ONE, record)
    with pytest.raises(InputError):
        explain_pair(made, OPERATOR, ONE, ONE)


def test_who_may_not_read_records_is_refused_and_what_is_told_is_on_the_ledger(made):
    viewer = replace(OPERATOR, actions=frozenset(Action) - {Action.RECORD_READ})
    with pytest.raises(AccessDenied):
        explain_pair(made, viewer, ONE, RecordRef("ccwis", "day"))
    against(made, "ledger")
    with made.database.read(OPERATOR) as unit:
        [record] = unit.records.find_by_local_ids(unit.sources.get_by_code("ccwis").id, ["ledger"]).values()
        [line] = [each for each in unit.disclosures.about_records("", [record.id]) if each.handle is None]
    assert (line.action, line.fields) == (Action.RECORD_READ, ("match_weight", "explanation"))
    assert len(line.record_ids) == 2

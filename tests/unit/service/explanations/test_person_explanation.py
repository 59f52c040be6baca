"""Test why records are one person: strongest links and decisions between visible records."""

from dataclasses import replace

import pytest

from mpi.composition.models import open_matcher
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.service.explanations.person_explanation import explain_person
from mpi.service.recluster.proposal_application import apply_proposal
from mpi.service.recluster.proposals import propose
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from tests.index import OPERATOR, crosswalk, make_child, with_tuning
from tests.models import tiny_model
from tests.unit.service.persons.test_golden_record import upsert_record
from tests.unit.service.stewardship.test_decisions import SIS_ONLY, STRANGER, make_decision

ANOTHER_CHILD = {
    "first_name": "Ulf",
    "last_name": "Quist",
    "birth_date": "2001-05-06",
    "postal_code": "41111",
}


def linked_pairs(lines) -> set:
    return {frozenset((line.left, line.right)) for line in lines}


def test_model_links_form_a_tree_of_the_strongest(index):
    upsert_record(index, "sis:1", ssn="412-55-9182")
    upsert_record(index, "sis:2")
    eid = upsert_record(index, "ccwis:1", ssn="412-55-9182")
    explanation = explain_person(index, OPERATOR, eid)
    assert explanation.sentence == "3 records are one child through 2 automatic links."
    assert frozenset((RecordRef("sis", "1"), RecordRef("ccwis", "1"))) in linked_pairs(explanation.lines)
    assert explanation.lines[0].match_weight >= explanation.lines[1].match_weight
    assert len(explanation.lines) == 2
    assert len(explanation.parts) == 1


def test_stored_links_suffice_for_a_person_with_very_many_records(index):
    upsert_record(index, "sis:1", ssn="412-55-9182")
    upsert_record(index, "sis:2")
    eid = upsert_record(index, "ccwis:1", ssn="412-55-9182")
    full_explanation = explain_person(index, OPERATOR, eid)
    index = with_tuning(index, review={"explained_records": 1})
    assert explain_person(index, OPERATOR, eid) == full_explanation


def test_records_the_model_does_not_link_are_joined_by_their_decision(index):
    upsert_record(index, "sis:1")
    upsert_record(index, "sis:2", **STRANGER)
    number = make_decision(index, "SAME", ["sis:1", "sis:2"])
    explanation = explain_person(index, OPERATOR, crosswalk(index)["sis", "1"])
    [line] = explanation.lines
    assert (line.because, line.decision) == ("decision", number)
    assert line.sentence.startswith(f"A steward answered “same child” (#{number}). ")
    assert explanation.sentence == "2 records are one child through 1 decision."


def test_merge_adds_one_decision_between_the_linked_parts(index):
    first = upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1")
    second = upsert_record(index, "sis:2", **STRANGER)
    upsert_record(index, "ccwis:2", **STRANGER)
    merge(index, OPERATOR, [first, second], StepOptions("test"), first)
    explanation = explain_person(index, OPERATOR, first)
    assert [line.because for line in explanation.lines] == ["model", "model", "decision"]
    assert explanation.sentence == "4 records are one child through 2 automatic links and 1 decision."


def test_reader_of_one_source_sees_only_links_between_its_own_records(index):
    upsert_record(index, "sis:1")
    upsert_record(index, "sis:2", **STRANGER)
    upsert_record(index, "ccwis:1", **ANOTHER_CHILD)
    groups = [[RecordRef("sis", "1"), RecordRef("ccwis", "1")]]
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, groups, "test"))
    decide(
        index,
        OPERATOR,
        DecisionRequest(DecisionKind.SAME, [[RecordRef("ccwis", "1"), RecordRef("sis", "2")]], "test"),
    )
    eid = crosswalk(index)["sis", "1"]
    assert len(explain_person(index, OPERATOR, eid).parts) == 1
    limited_explanation = explain_person(index, SIS_ONLY, eid)
    assert limited_explanation.lines == ()
    assert limited_explanation.sentence == "You cannot see what joins 2 groups of these records."
    assert "ccwis" not in repr(limited_explanation)


def test_held_change_is_not_shown_as_a_link(index, tmp_path):
    eid = upsert_record(index, "sis:1", postal_code=None)
    upsert_record(index, "ccwis:1", postal_code=None)
    stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
    proposal = propose(index, OPERATOR, stricter)
    apply_proposal(index, OPERATOR, stricter, proposal.id, [])
    explanation = explain_person(replace(index, matcher=stricter), OPERATOR, eid)
    assert [line.because for line in explanation.lines] == ["model"]
    assert explanation.lines[0].band == "REVIEW"
    assert "held change" not in repr(explanation)


def test_sealed_record_appears_in_no_link(index):
    eid = upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1")
    upsert(index, OPERATOR, "ccwis", make_child("1", restrictions=[{"kind": "sealed"}]))
    explanation = explain_person(index, OPERATOR, eid)
    assert explanation.sentence == "This child has one record."
    assert "ccwis" not in repr(explanation)


def test_person_hidden_from_the_viewer_is_not_found(index):
    eid = upsert_record(index, "ccwis:1")
    with pytest.raises(NotFoundError):
        explain_person(index, SIS_ONLY, eid)

"""Why records are one person: the strongest links and the decisions, between the records that are seen."""

from dataclasses import replace

import pytest

from mpi.bootstrap import open_matcher
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.service.explanations.person import explain_person
from mpi.service.recluster.proposals import apply_proposal, propose
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.merge import StepOptions, merge
from tests.index import OPERATOR, a_child, crosswalk
from tests.models import tiny_model
from tests.unit.service.persons.test_golden_record import put
from tests.unit.service.stewardship.test_decisions import SIS_ONLY, STRANGER, said

OTHER = {"first_name": "Ulf", "last_name": "Quist", "birth_date": "2001-05-06", "postal_code": "41111"}


def joined(lines) -> set:
    return {frozenset((line.left, line.right)) for line in lines}


def test_links_of_the_model_make_a_tree_of_the_strongest(index):
    put(index, "sis:1", ssn="412-55-9182")
    put(index, "sis:2")
    eid = put(index, "ccwis:1", ssn="412-55-9182")
    found = explain_person(index, OPERATOR, eid)
    assert found.sentence == "3 records are one person by 2 links of the model."
    assert frozenset((RecordRef("sis", "1"), RecordRef("ccwis", "1"))) in joined(found.lines)
    assert found.lines[0].match_weight >= found.lines[1].match_weight
    assert len(found.lines) == 2
    assert len(found.parts) == 1


def test_of_very_many_records_the_links_that_the_index_holds_are_enough(index, monkeypatch):
    put(index, "sis:1", ssn="412-55-9182")
    put(index, "sis:2")
    eid = put(index, "ccwis:1", ssn="412-55-9182")
    whole = explain_person(index, OPERATOR, eid)
    monkeypatch.setattr("mpi.service.explanations.person.MAX_SCORED_RECORDS", 1)
    assert explain_person(index, OPERATOR, eid) == whole


def test_what_the_model_does_not_link_is_joined_by_the_decision_that_says_so(index):
    put(index, "sis:1")
    put(index, "sis:2", **STRANGER)
    number = said(index, "SAME", ["sis:1", "sis:2"])
    found = explain_person(index, OPERATOR, crosswalk(index)["sis", "1"])
    [line] = found.lines
    assert (line.because, line.decision) == ("decision", number)
    assert line.sentence.startswith(f"Decision {number} of a steward says so. ")
    assert found.sentence == "2 records are one person by 1 decision."


def test_after_a_merge_the_links_within_each_part_show_and_one_decision_joins_the_parts(index):
    first = put(index, "sis:1")
    put(index, "ccwis:1")
    second = put(index, "sis:2", **STRANGER)
    put(index, "ccwis:2", **STRANGER)
    merge(index, OPERATOR, [first, second], StepOptions("test"), first)
    found = explain_person(index, OPERATOR, first)
    assert [line.because for line in found.lines] == ["model", "model", "decision"]
    assert found.sentence == "4 records are one person by 2 links of the model and 1 decision."


def test_a_reader_is_told_of_its_own_records_and_what_joins_those_alone(index):
    put(index, "sis:1")
    put(index, "sis:2", **STRANGER)
    put(index, "ccwis:1", **OTHER)
    groups = [[RecordRef("sis", "1"), RecordRef("ccwis", "1")]]
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, groups, "test"))
    decide(
        index,
        OPERATOR,
        DecisionRequest(DecisionKind.SAME, [[RecordRef("ccwis", "1"), RecordRef("sis", "2")]], "test"),
    )
    eid = crosswalk(index)["sis", "1"]
    assert len(explain_person(index, OPERATOR, eid).parts) == 1
    seen = explain_person(index, SIS_ONLY, eid)
    assert seen.lines == ()
    assert seen.sentence == "What joins 2 parts of the records is not among what can be shown."
    assert "ccwis" not in repr(seen)


def test_what_only_a_held_change_keeps_together_shows_as_parts(index, tmp_path):
    eid = put(index, "sis:1", postal_code=None)
    put(index, "ccwis:1", postal_code=None)
    stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
    made = propose(index, OPERATOR, stricter)
    apply_proposal(index, OPERATOR, stricter, made.id, [])
    found = explain_person(replace(index, matcher=stricter), OPERATOR, eid)
    assert [line.because for line in found.lines] == ["model"]
    assert found.lines[0].band == "REVIEW"
    assert "held change" not in repr(found)


def test_a_sealed_record_is_in_no_line(index):
    eid = put(index, "sis:1")
    put(index, "ccwis:1")
    upsert(index, OPERATOR, "ccwis", a_child("1", restrictions=[{"kind": "sealed"}]))
    found = explain_person(index, OPERATOR, eid)
    assert found.sentence == "There is only one record of this person."
    assert "ccwis" not in repr(found)


def test_a_person_that_the_viewer_may_not_know_of_is_not_there(index):
    eid = put(index, "ccwis:1")
    with pytest.raises(NotFoundError):
        explain_person(index, SIS_ONLY, eid)

"""A step in a scope that parts records of the shared index opens an incident there, once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.audit.corrections import list_corrections
from mpi.service.audit.incidents import list_incidents, send_corrections
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.records.upsert import upsert
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.stewardship.decisions import DecisionRequest, decide, list_decisions
from mpi.service.stewardship.deferred_steps import apply_due_decisions
from mpi.service.stewardship.merge_split_move import StepOptions, merge, move, split
from mpi.service.stewardship.overlays import release_overlay
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk, make_child, partition_of
from tests.scopes import open_scoped_indexes

SCOPES = {"education": ("sis",), "child_welfare": ("ccwis",)}
STEWARD = replace(OPERATOR, client="steward")
OFFICER = replace(OPERATOR, client="officer")
REGISTRY = Viewer("registry", "data_quality", frozenset({Action.PERSON_READ, Action.CROSSWALK_READ}), None)
ZOE = {"first_name": "Zoe", "last_name": "Quist", "birth_date": "2001-05-06", "postal_code": "41111"}
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


@pytest.fixture
def indexes(tmp_path, database_url):
    with open_scoped_indexes(tmp_path, SCOPES, database_url=database_url) as opened:
        yield opened


@pytest.fixture
def education(indexes):
    return indexes.scopes["education"]


@pytest.fixture
def linked(indexes, education):
    """A child with two records of the school and one of the agency, of whom the registry was told."""
    for local_id in ("1", "2"):
        upsert(education, OPERATOR, "sis", make_child(local_id))
    upsert(indexes.scopes["child_welfare"], OPERATOR, "ccwis", make_child("9"))
    indexes.sync()
    tell(indexes.shared)
    return indexes


def tell(shared, local_id="1"):
    """Tell the registry of the child that holds a record of the school."""
    look_up_person(shared, REGISTRY, look_up_crosswalk(shared, REGISTRY, "sis", local_id).enterprise_id)


def part(education, *groups, local_id="1"):
    eid = look_up_crosswalk(education, STEWARD, "sis", local_id).enterprise_id
    refs = [[RecordRef("sis", each) for each in group] for group in groups]
    return split(education, STEWARD, eid, refs, StepOptions("test")).step


def follow(indexes, page, progress):
    transfer_changes(
        indexes.scopes["education"], indexes.shared, OPERATOR, "education", page=page, progress=progress
    )


def merge_others(education, indexes):
    """Merge two children of the school that no model links, and tell the registry; return the step."""
    upsert(education, OPERATOR, "sis", make_child("1", **ZOE))
    upsert(education, OPERATOR, "sis", make_child("2", **BO))
    step = merge(education, STEWARD, sorted(crosswalk(education).values()), StepOptions("test")).step
    indexes.sync()
    tell(indexes.shared)
    return step


def test_a_split_in_a_scope_opens_an_incident_in_both_indexes(linked, education):
    part(education, ["1"], ["2"])
    assert list_incidents(linked.shared, OFFICER) == []
    linked.sync()
    [incident] = list_incidents(linked.shared, OFFICER)
    assert (incident.state, incident.kind, incident.scope) == ("open", "split", "education")
    records = {record for records in incident.parts for record in records}
    assert records == {RecordRef("sis", "1"), RecordRef("sis", "2"), RecordRef("ccwis", "9")}
    assert [recipient.client for recipient in incident.recipients] == ["registry"]
    send_corrections(linked.shared, OFFICER, incident.code)
    assert len(list_corrections(linked.shared, REGISTRY)) == 1

    [own] = list_incidents(education, OFFICER)
    assert (own.kind, own.scope, own.opened_by) == ("split", None, "steward")
    assert "registry" not in {recipient.client for recipient in own.recipients}


def test_who_runs_the_sync_is_a_recipient_like_others(linked, education):
    look_up_crosswalk(linked.shared, replace(OPERATOR, client="reader"), "sis", "1")
    look_up_crosswalk(linked.shared, replace(OPERATOR, client="reader"), "sis", "2")
    part(education, ["1"], ["2"])
    for code, scope in linked.scopes.items():
        transfer_changes(scope, linked.shared, replace(OPERATOR, client="reader"), code)
    [incident] = list_incidents(linked.shared, OFFICER)
    assert "reader" in {recipient.client for recipient in incident.recipients}


def test_the_undo_of_a_merge_in_a_scope_opens_an_incident(indexes, education):
    step = merge_others(education, indexes)
    undo_step(education, STEWARD, step)
    indexes.sync()
    [incident] = list_incidents(indexes.shared, OFFICER)
    assert (incident.kind, [recipient.client for recipient in incident.recipients]) == ("undo", ["registry"])


def test_a_repeated_sync_opens_no_second_incident(linked, education):
    part(education, ["1"], ["2"])
    for _ in range(2):
        linked.sync()
    upsert(education, OPERATOR, "sis", make_child("1", postal_code="43002"))
    linked.sync()
    assert len(list_incidents(linked.shared, OFFICER, with_closed=True)) == 1


def test_a_step_of_several_decisions_is_taken_over_whole_however_small_the_page(indexes, education):
    merged = merge_others(education, indexes)
    upsert(education, OPERATOR, "sis", make_child("3"))
    indexes.sync()
    leaving, joining = (
        look_up_crosswalk(education, OPERATOR, "sis", each).enterprise_id for each in ("1", "3")
    )
    decision = undoable_decision(education, merged)
    options = StepOptions("test", supersedes=(decision,))
    move(education, STEWARD, leaving, [RecordRef("sis", "2")], joining, options)
    partitions = []

    def interrupt(*_):
        partitions.append(partition_of(indexes.shared))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(indexes, 1, interrupt)
    assert partitions == [{frozenset({("sis", "1")}), frozenset({("sis", "2"), ("sis", "3")})}]
    indexes.sync()
    [incident] = list_incidents(indexes.shared, OFFICER)
    assert (incident.kind, len(incident.parts)) == ("move", 2)


def undoable_decision(index, step):
    with index.database.read(OPERATOR) as unit:
        [decision] = unit.decisions.of_step(step)
    return decision.id


def test_steps_about_two_children_open_two_incidents(linked, education):
    for local_id in ("3", "4"):
        upsert(education, OPERATOR, "sis", make_child(local_id, **ZOE))
    linked.sync()
    tell(linked.shared, "3")
    part(education, ["1"], ["2"])
    part(education, ["3"], ["4"], local_id="3")
    linked.sync()
    incidents = list_incidents(linked.shared, OFFICER)
    assert {len(incident.parts) for incident in incidents} == {2}
    assert {sum(map(len, incident.parts)) for incident in incidents} == {2, 3}
    assert all(incident.recipients for incident in incidents)


def test_steps_about_one_child_open_one_incident(indexes, education):
    for local_id in ("1", "2", "3"):
        upsert(education, OPERATOR, "sis", make_child(local_id))
    indexes.sync()
    tell(indexes.shared)
    part(education, ["1"], ["2", "3"])
    part(education, ["2"], ["3"], local_id="2")
    indexes.sync()
    [incident] = list_incidents(indexes.shared, OFFICER)
    assert len(incident.parts) == 3


def test_what_the_shared_index_keeps_together_or_never_linked_opens_none(linked, education):
    refs = [[RecordRef("sis", "1"), RecordRef("sis", "2")]]
    decide(linked.shared, OPERATOR, DecisionRequest(DecisionKind.SAME, refs, "test"))
    part(education, ["1"], ["2"])
    upsert(education, OPERATOR, "sis", make_child("5", **ZOE))
    upsert(education, OPERATOR, "sis", make_child("6", **ZOE))
    part(education, ["5"], ["6"], local_id="5")
    linked.sync()
    assert list_incidents(linked.shared, OFFICER) == []


def test_a_step_that_is_undone_before_the_sync_opens_none(linked, education):
    undo_step(education, STEWARD, part(education, ["1"], ["2"]))
    linked.sync()
    assert list_incidents(linked.shared, OFFICER) == []


def test_new_content_of_a_record_opens_none(linked, education):
    upsert(education, OPERATOR, "sis", make_child("2", birth_date="2014-03-08"))
    linked.sync()
    assert len(partition_of(linked.shared)) == 2
    assert list_incidents(linked.shared, OFFICER) == []


def state_merge(education, indexes):
    """Let the school state that two of its records are one child, and tell the registry."""
    upsert(education, OPERATOR, "sis", make_child("1", **ZOE))
    eid = look_up_crosswalk(education, STEWARD, "sis", "1").enterprise_id
    upsert(education, OPERATOR, "sis", make_child("2", **BO, same_as=eid))
    indexes.sync()
    assert len(partition_of(indexes.shared)) == 1
    tell(indexes.shared)


def test_what_a_source_takes_back_itself_opens_none(indexes, education):
    state_merge(education, indexes)
    upsert(education, OPERATOR, "sis", {**make_child("2", **BO), "same_as": None})
    indexes.sync()
    assert len(partition_of(indexes.shared)) == 2
    assert list_incidents(indexes.shared, OFFICER) == []


@pytest.mark.parametrize("step", ["undo", "decision"])
def test_what_a_steward_ends_of_a_source_opens_one(indexes, education, step):
    state_merge(education, indexes)
    [stated] = [each for each in list_decisions(education, STEWARD) if each.authority == "source"]
    if step == "undo":
        undo_decision(education, STEWARD, stated.id)
    else:
        groups = [[RecordRef("sis", "1"), RecordRef("sis", "2")]]
        unsure = DecisionRequest(DecisionKind.UNSURE, groups, "test", supersedes=(stated.id,))
        decide(education, STEWARD, unsure)
    indexes.sync()
    assert len(partition_of(indexes.shared)) == 2
    assert [incident.kind for incident in list_incidents(indexes.shared, OFFICER)] == [step]


def test_a_decision_that_binds_later_opens_its_incident_with_the_next_sync(linked, education, manual_clock):
    day = (manual_clock.now + timedelta(days=3)).date().isoformat()
    groups = [[RecordRef("sis", "1")], [RecordRef("sis", "2")]]
    request = DecisionRequest(DecisionKind.DIFFERENT, groups, reason="test", effective_from=day)
    decide(education, STEWARD, request)
    linked.sync()
    assert list_incidents(linked.shared, OFFICER) == []
    manual_clock.advance(days=4)
    apply_due_decisions(education, STEWARD)
    linked.sync()
    assert [incident.kind for incident in list_incidents(linked.shared, OFFICER)] == ["decision"]


def test_a_released_overlay_in_a_scope_opens_an_incident(linked, education):
    upsert(education, OPERATOR, "sis", make_child("2", **ZOE))
    linked.sync()
    assert len(partition_of(linked.shared)) == 1
    release_overlay(education, STEWARD, RecordRef("sis", "2"))
    linked.sync()
    [incident] = list_incidents(linked.shared, OFFICER)
    assert (incident.kind, incident.scope) == ("overlay", "education")
    upsert(education, OPERATOR, "sis", make_child("2", **ZOE, sex="F", grade="05"))
    linked.sync()
    assert len(list_incidents(linked.shared, OFFICER)) == 1


def test_the_undo_of_a_split_in_a_scope_takes_the_incident_back(linked, education):
    step = part(education, ["1"], ["2"])
    linked.sync()
    undo_step(education, STEWARD, step)
    linked.sync()
    [incident] = list_incidents(linked.shared, OFFICER)
    assert incident.state == "reversed"
    assert incident.reversed_at

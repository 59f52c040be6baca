"""Test the review of two local IDs of one child in a source with one ID per child."""

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, crosswalk, make_child, open_test_index


@pytest.fixture
def single_id_index(tmp_path):
    """An index with a source that gives every child one local ID."""
    with open_test_index(tmp_path / "home", "sis") as index:
        add_source(index, OPERATOR, NewSource("ssid", has_one_id_per_child=True))
        yield index


def upsert_children(index, source, *local_ids, **changes):
    for local_id in local_ids:
        upsert(index, OPERATOR, source, make_child(local_id, **changes))


def duplicate_tasks(index, kind="multiple"):
    with index.database.read(OPERATOR) as unit:
        return [task for task in unit.tasks.all("2026-11-24") if task.kind == kind]


def decide_on(index, kind, *local_ids):
    labels = [RecordRef("ssid", local_id) for local_id in local_ids]
    decide(index, OPERATOR, DecisionRequest(kind, [labels], "checked"))


def test_two_ids_are_reviewed_only_in_a_source_with_one_id_per_child(single_id_index):
    upsert_children(single_id_index, "sis", "1", "2")
    assert duplicate_tasks(single_id_index) == []
    upsert_children(single_id_index, "ssid", "1", "2")
    [task] = duplicate_tasks(single_id_index)
    assert len(set(crosswalk(single_id_index).values())) == 1
    assert (task.reason, task.bits > 12, task.subject in task.ends) == ("one-id-a-child", True, True)
    before = duplicate_tasks(single_id_index)
    rebuild(single_id_index, OPERATOR)
    assert duplicate_tasks(single_id_index) == before


def test_three_ids_are_one_question_with_two_tasks(single_id_index):
    upsert_children(single_id_index, "ssid", "1", "2", "3")
    tasks = duplicate_tasks(single_id_index)
    assert (len(tasks), len({task.question for task in tasks})) == (2, 1)
    assert all(task.subject in task.ends for task in tasks)


def test_same_decision_closes_the_task(single_id_index):
    upsert_children(single_id_index, "ssid", "1", "2", "3")
    decide_on(single_id_index, DecisionKind.SAME, "1", "2")
    assert len(duplicate_tasks(single_id_index)) == 1
    decide_on(single_id_index, DecisionKind.SAME, "2", "3")
    assert duplicate_tasks(single_id_index) == []


def test_merge_by_the_source_opens_no_task(single_id_index):
    upsert_children(single_id_index, "ssid", "1")
    upsert_children(single_id_index, "ssid", "2", merged_into="1")
    assert duplicate_tasks(single_id_index) == []


def test_withdrawal_of_one_record_closes_the_task(single_id_index):
    upsert_children(single_id_index, "ssid", "1", "2")
    withdraw(single_id_index, OPERATOR, "ssid", "2")
    assert duplicate_tasks(single_id_index) == []


def test_unsure_pair_is_reviewed_again_when_the_evidence_changes(single_id_index):
    upsert_children(single_id_index, "ssid", "1", "2")
    decide_on(single_id_index, DecisionKind.UNSURE, "1", "2")
    assert duplicate_tasks(single_id_index) == []
    upsert_children(single_id_index, "ssid", "2", postal_code="43002")
    assert len(duplicate_tasks(single_id_index)) == 1

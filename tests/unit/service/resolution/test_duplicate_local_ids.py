"""Two local IDs of one source for one child are asked about where the source means to give each child one."""

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, a_child, an_index, crosswalk


@pytest.fixture
def index(tmp_path):
    with an_index(tmp_path / "home", "sis") as index:
        add_source(index, OPERATOR, NewSource("ssid", has_one_id_per_child=True))
        yield index


def put(index, source, *local_ids, **changes):
    for local_id in local_ids:
        upsert(index, OPERATOR, source, a_child(local_id, **changes))


def asked(index, kind="multiple"):
    with index.database.read(OPERATOR) as unit:
        return [task for task in unit.tasks.all("2026-11-24") if task.kind == kind]


def said(index, kind, *local_ids):
    labels = [RecordRef("ssid", local_id) for local_id in local_ids]
    decide(index, OPERATOR, DecisionRequest(kind, [labels], "checked"))


def test_two_ids_of_a_source_that_gives_one_are_asked_about_and_of_another_not(index):
    put(index, "sis", "1", "2")
    assert asked(index) == []
    put(index, "ssid", "1", "2")
    [task] = asked(index)
    assert len(set(crosswalk(index).values())) == 1
    assert (task.reason, task.bits > 12, task.subject in task.ends) == ("one-id-a-child", True, True)
    before = asked(index)
    rebuild(index, OPERATOR)
    assert asked(index) == before


def test_three_ids_are_one_question_with_a_task_for_each_but_the_first(index):
    put(index, "ssid", "1", "2", "3")
    tasks = asked(index)
    assert (len(tasks), len({task.question for task in tasks})) == (2, 1)
    assert all(task.subject in task.ends for task in tasks)


def test_it_is_asked_no_more_once_somebody_said_that_they_are_one_child(index):
    put(index, "ssid", "1", "2", "3")
    said(index, DecisionKind.SAME, "1", "2")
    assert len(asked(index)) == 1
    said(index, DecisionKind.SAME, "2", "3")
    assert asked(index) == []


def test_it_is_asked_no_more_once_the_source_said_so_itself(index):
    put(index, "ssid", "1")
    put(index, "ssid", "2", merged_into="1")
    assert asked(index) == []


def test_it_closes_by_itself_when_one_of_them_is_gone(index):
    put(index, "ssid", "1", "2")
    withdraw(index, OPERATOR, "ssid", "2")
    assert asked(index) == []


def test_who_cannot_tell_is_asked_again_when_the_evidence_changes(index):
    put(index, "ssid", "1", "2")
    said(index, DecisionKind.UNSURE, "1", "2")
    assert asked(index) == []
    put(index, "ssid", "2", postal_code="43002")
    assert len(asked(index)) == 1

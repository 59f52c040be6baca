"""Test re-clusters with another model, and components that are too large."""

import gc
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mpi.domain.errors import ConflictError
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, partition_of


def doubtful_child(local_id):
    """Return a child who matches another such child with 16.1 bits."""
    return make_child(local_id, postal_code=None)


def test_stricter_model_separates_persons_and_resolves_new_records(index, stricter):
    load_rows(index, "sis", doubtful_child("s1"), *many_children(5))
    first = upsert(index, OPERATOR, "ccwis", doubtful_child("c1")).enterprise_id
    plan = recluster(index, OPERATOR, stricter, apply=True)
    assert (plan.applied, plan.mint + plan.split >= 1) == (True, True)
    stricter_index = replace(index, matcher=stricter)
    assert first in crosswalk(stricter_index).values()
    second = upsert(stricter_index, OPERATOR, "ccwis", doubtful_child("c2"))
    assert second.enterprise_id not in {
        eid for record, eid in crosswalk(stricter_index).items() if record != ("ccwis", "c2")
    }
    assert verify(stricter_index, OPERATOR) == []
    recluster(stricter_index, OPERATOR, index.matcher, apply=True)
    assert {frozenset({("sis", "s1"), ("ccwis", "c1"), ("ccwis", "c2")})} <= partition_of(index)
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize(
    "step",
    [
        lambda index: upsert(index, OPERATOR, "sis", doubtful_child("s2")),
        lambda index: withdraw(index, OPERATOR, "sis", "s1"),
        lambda index: load_rows(index, "sis", doubtful_child("s2")),
        lambda index: rebuild(index, OPERATOR),
        lambda index: recluster(index, OPERATOR, index.matcher, apply=True),
        lambda index: recluster(index, OPERATOR, index.matcher, apply=False),
        lambda index: verify(index, OPERATOR),
    ],
)
def test_process_that_missed_a_model_change_changes_nothing(index, stricter, step):
    load_rows(index, "sis", doubtful_child("s1"))
    recluster(index, OPERATOR, stricter, apply=True)
    before = crosswalk(index)
    with pytest.raises(ConflictError, match="moved to another model"):
        step(index)
    assert crosswalk(index) == before
    assert verify(replace(index, matcher=stricter), OPERATOR) == []


def test_oversized_component_is_separated_with_one_task_per_record(index):
    load_rows(index, "sis", *(make_child(f"s{n}") for n in range(60)))
    assert len(partition_of(index)) == 60
    with index.database.read(OPERATOR) as unit:
        tasks = unit.tasks.all()
    assert {task.reason for task in tasks} == {"oversized"}
    assert len(tasks) == 59
    assert verify(index, OPERATOR) == []
    for number in range(10):
        withdraw(index, OPERATOR, "sis", f"s{number}")
    assert len(partition_of(index)) == 1
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize(
    "work",
    [
        lambda index: recluster(index, OPERATOR, index.matcher, apply=False),
        lambda index: recluster(index, OPERATOR, index.matcher, apply=True),
        lambda index: verify(index, OPERATOR),
    ],
    ids=["plan", "apply", "verify"],
)
def test_garbage_collection_is_off_during_work_on_the_whole_index(index, monkeypatch, work):
    upsert(index, OPERATOR, "sis", make_child())
    gc_states = []
    read = Database.read

    @contextmanager
    def read_and_record_gc(self, viewer):
        gc_states.append(gc.isenabled())
        with read(self, viewer) as unit:
            yield unit

    monkeypatch.setattr(Database, "read", read_and_record_gc)
    work(index)
    assert gc_states
    assert not any(gc_states)
    assert gc.isenabled()

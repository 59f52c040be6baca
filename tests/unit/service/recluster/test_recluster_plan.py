"""Re-cluster: another model in force, and components that are too large."""

import gc
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mpi.bootstrap import open_matcher
from mpi.domain.errors import ConflictError
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert, withdraw
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, a_child, crosswalk, load_rows, many_children, partition_of
from tests.models import tiny_model


@pytest.fixture
def stricter(tmp_path):
    return open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))


def doubtful(local_id):
    """Names and birth date agree, nothing else: 16.1 bits with another of its kind."""
    return a_child(local_id, postal_code=None)


def test_a_stricter_model_parts_persons_and_what_comes_after_is_resolved_by_it(index, stricter):
    load_rows(index, "sis", doubtful("s1"), *many_children(5))
    first = upsert(index, OPERATOR, "ccwis", doubtful("c1")).enterprise_id
    plan = recluster(index, OPERATOR, stricter, apply=True)
    assert (plan.applied, plan.mint + plan.split >= 1) == (True, True)
    now = replace(index, matcher=stricter)
    assert first in crosswalk(now).values()
    other = upsert(now, OPERATOR, "ccwis", doubtful("c2"))
    assert other.enterprise_id not in {e for r, e in crosswalk(now).items() if r != ("ccwis", "c2")}
    assert verify(now, OPERATOR) == []
    recluster(now, OPERATOR, index.matcher, apply=True)
    assert {frozenset({("sis", "s1"), ("ccwis", "c1"), ("ccwis", "c2")})} <= partition_of(index)
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize(
    "step",
    [
        lambda index: upsert(index, OPERATOR, "sis", doubtful("s2")),
        lambda index: withdraw(index, OPERATOR, "sis", "s1"),
        lambda index: load_rows(index, "sis", doubtful("s2")),
        lambda index: rebuild(index, OPERATOR),
        lambda index: recluster(index, OPERATOR, index.matcher, apply=True),
        lambda index: recluster(index, OPERATOR, index.matcher, apply=False),
        lambda index: verify(index, OPERATOR),
    ],
)
def test_a_process_that_missed_a_move_to_another_model_changes_nothing(index, stricter, step):
    load_rows(index, "sis", doubtful("s1"))
    recluster(index, OPERATOR, stricter, apply=True)
    before = crosswalk(index)
    with pytest.raises(ConflictError, match="moved to another model"):
        step(index)
    assert crosswalk(index) == before
    assert verify(replace(index, matcher=stricter), OPERATOR) == []


def test_more_records_of_one_child_than_a_component_may_have_are_parted_and_asked_about_once_each(index):
    load_rows(index, "sis", *(a_child(f"s{n}") for n in range(60)))
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
def test_what_goes_through_the_whole_index_seeks_no_cycles_meanwhile_and_does_afterwards(
    index, monkeypatch, work
):
    upsert(index, OPERATOR, "sis", a_child())
    seeking = []
    read = Database.read

    @contextmanager
    def noted(self, viewer):
        seeking.append(gc.isenabled())
        with read(self, viewer) as unit:
            yield unit

    monkeypatch.setattr(Database, "read", noted)
    work(index)
    assert seeking
    assert not any(seeking)
    assert gc.isenabled()

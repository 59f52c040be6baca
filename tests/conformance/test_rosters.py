"""The rosters follow every change of records and persons, on both stores."""

from mpi.domain.record_ref import RecordRef
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.rosters.children import read_children
from mpi.service.rosters.derivation import rebuild_rosters
from mpi.service.rosters.students import read_students
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, expunge, load_rows, make_child
from tests.rosters import (
    MARISOL,
    add_sources,
    assign,
    caseworker,
    contact,
    days_ago,
    in_care,
    put_child,
    put_student,
)


def names(index, viewer=None):
    return [one.record.local_id for one in read_students(index, viewer or contact()).students]


def test_the_list_follows_upserts_splits_undo_loads_and_seals(index):
    add_sources(index)
    put_student(index)
    eid = put_child(index).enterprise_id
    assign(index, "c1")
    assert names(index) == ["s1"]
    groups = [[RecordRef("D01", "s1")], [RecordRef("CCWIS", "c1")]]
    step = split(index, OPERATOR, eid, groups, StepOptions("test")).step
    assert names(index) == []
    [child] = read_children(index, caseworker()).children
    assert child.schools == ()
    undo_step(index, OPERATOR, step, "test")
    assert names(index) == ["s1"]
    load_no = load_rows(
        index, "CCWIS", make_child("c1", **MARISOL, **in_care(days_ago(30), days_ago(2)))
    ).batch
    assert names(index) == []
    undo_load(index, OPERATOR, load_no, "test")
    assert names(index) == ["s1"]
    [child] = read_children(index, caseworker()).children
    assert [school.school_id for school in child.schools] == ["1042"]
    assert verify(index, OPERATOR) == []
    expunge(index, "CCWIS", make_child("c1", **MARISOL))
    assert names(index) == []
    assert verify(index, OPERATOR) == []


def test_a_rebuild_derives_the_same_rows(index):
    add_sources(index)
    load_rows(index, "D01", *(make_child(f"s{n}", **kid(n), enrollments=[ENROLLED]) for n in range(5)))
    load_rows(index, "CCWIS", *(make_child(f"c{n}", **kid(n), **in_care(days_ago(n + 1))) for n in range(5)))
    before = sorted(names(index))
    assert before == [f"s{n}" for n in range(5)]
    assert rebuild_rosters(index, OPERATOR) == 10
    assert sorted(names(index)) == before
    rebuild(index, OPERATOR)
    assert verify(index, OPERATOR) == []


ENROLLED = {"school_id": "1042", "grade": "07", "entry_date": "2026-08-20"}


def kid(number):
    word = "abcde"[number] * 5
    return {"first_name": word, "last_name": word[::-1] + "x", "birth_date": f"2012-0{number + 1}-11"}

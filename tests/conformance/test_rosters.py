"""The rosters follow every change of records and persons, on both stores."""

from datetime import date

import pytest

from mpi.domain import clock
from mpi.domain.children.items import ItemKind
from mpi.domain.record_ref import RecordRef
from mpi.service.core.visibility import visible_labels
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.quality.exact_counts import count_in_care
from mpi.service.rosters.children import read_children
from mpi.service.rosters.derivation import rebuild_rosters
from mpi.service.rosters.item_file import read_item_file
from mpi.service.rosters.item_gaps import find_item_gaps
from mpi.service.rosters.item_intake import store_items
from mpi.service.rosters.students import read_students
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.service.stewardship.undo import undo_step
from mpi.storage.repositories.sources.records import RecordState
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


def with_slashes(day):
    return date.fromisoformat(day).strftime("%m/%d/%Y")


def test_dates_with_slashes_list_child_and_school_as_iso_dates_do(index):
    add_sources(index)
    entered, left = with_slashes(days_ago(90)), with_slashes(days_ago(-90))
    put_student(index, entry_date=entered, exit_date=left)
    put_child(index, since=with_slashes(days_ago(30)))
    assign(index, "c1")
    [student] = read_students(index, contact()).students
    assert (student.school_id, student.entry_date, student.days_enrolled) == ("1042", days_ago(90), 90)
    assert (student.in_care_since, student.school_of_origin) == (days_ago(30), "1042")
    [child] = read_children(index, caseworker()).children
    assert [(each.school_id, each.entry_date, each.days_enrolled) for each in child.schools] == [
        ("1042", days_ago(90), 90)
    ]
    assert child.missing is None
    put_student(index, entry_date=entered, exit_date=with_slashes(days_ago(1)))
    assert names(index) == []
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize(
    ("begin", "end", "holds"),
    [
        ("1/10/2019", "3/1/2020", False),
        ("12/31/2091", None, False),
        ("1/1/2020", "12/31/2091", True),
        ("2020", None, True),
        ("2019-01-10", "2020-03", False),
        ("2019-01-10", "March 2020", False),
        ("March 2020", None, False),
        ("2019-01-10", "9999-12-31", True),
    ],
)
def test_a_flag_out_of_force_in_any_form_discloses_nothing(index, begin, end, holds):
    add_sources(index)
    put_student(index)
    put_child(index, **in_care(begin, end))
    assign(index, "c1")
    viewer = caseworker()
    with index.database.read(viewer) as unit:
        numbers = [
            record
            for source in unit.sources.all()
            for record in unit.records.ids_of_source(source.id, [RecordState.ACTIVE])
        ]
        sources = {label.source for label in visible_labels(unit, numbers).values()}
        counts = count_in_care(unit, clock.today())
    assert sources == ({"CCWIS", "D01"} if holds else {"CCWIS"})
    assert counts == ((1, 1) if holds else (0, 0))
    assert names(index) == (["s1"] if holds else [])
    assert len(read_children(index, viewer).children) == holds
    assert verify(index, OPERATOR) == []


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


def test_items_and_gaps_are_read_alike_on_both_stores(index):
    add_sources(index)
    put_student(index)
    put_child(index)
    assign(index, "c1")
    head = "local_id,as_of,best_interest_decision,best_interest_date,contact_restriction\n"
    row = f"c1,{days_ago(3)},stay,{days_ago(4)},no\n"
    assert store_items(index, OPERATOR, "CCWIS", read_item_file(head + row)).changed == 2
    assert store_items(index, OPERATOR, "CCWIS", read_item_file(head + row)).unchanged == 2
    newer = f"c1,{days_ago(2)},stay,{days_ago(4)},yes\n"
    assert store_items(index, OPERATOR, "CCWIS", read_item_file(head + newer)).changed == 1
    [child] = read_children(index, caseworker()).children
    assert [item.kind for item in child.items if not item.is_missing] == [
        ItemKind.CONTACT_RESTRICTION,
        ItemKind.BEST_INTEREST,
    ]
    with index.database.read(OPERATOR) as unit:
        gaps = {gap.kind: gap.begin for gap in find_item_gaps(unit, set(ItemKind))}
    assert gaps == {
        ItemKind.DECISION_MAKER: days_ago(30),
        ItemKind.SCHOOL_OF_ORIGIN: days_ago(30),
        ItemKind.TRANSPORT: days_ago(4),
    }
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

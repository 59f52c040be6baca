"""People to assign a question to, and how much each of them has."""

from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.roles import APPROVER_ASSIGNEE, Role
from mpi.domain.viewer import Viewer
from mpi.service.access.accounts.account_end import end_account
from mpi.service.notices.colleagues import list_assignees, list_workers
from mpi.service.notices.workload import load_workload
from mpi.service.review.assignments import assign, claim, escalate
from tests.accounts import add_person, cheap_password_hashing
from tests.desk import (
    ANN,
    NOBODY,
    SIS_STEWARD,
    add_doubtful_pair,
    load_doubtful_pairs,
    only_question,
    question_keys,
)
from tests.index import OPERATOR

PEOPLE = (
    ("ann", Role.STEWARD, None, "Ann Zeller"),
    ("ben", Role.STEWARD, None, "Ben Adams"),
    ("ada", Role.APPROVER, None, "Ada Moss"),
    ("sis-steward", Role.STEWARD, {"sis"}, "Sia Quinn"),
    ("both", Role.STEWARD, {"sis", "ccwis"}, "Bo Toth"),
    ("owner", Role.SOURCE_OWNER, {"sis"}, "Olu Owner"),
    ("gone", Role.STEWARD, None, "Gil Onez"),
)


@pytest.fixture
def staffed(index):
    """An index with people of several roles and sources, and one who left."""
    with cheap_password_hashing():
        for name, role, sources, full_name in PEOPLE:
            add_person(index, name, role, sources, full_name)
    end_account(index, OPERATOR, "gone")
    return index


def names(people):
    return [person.name for person in people]


def test_only_people_who_see_the_whole_question_can_be_assigned_it(staffed):
    add_doubtful_pair(staffed)
    key = only_question(staffed).key
    assert names(list_assignees(staffed, ANN, key)) == ["ada", "ann", "ben", "both"]
    for person in list_assignees(staffed, ANN, key):
        assign(staffed, ANN, key, person.name)
    with pytest.raises(NotFoundError):
        list_assignees(staffed, SIS_STEWARD, key)


def test_the_queue_names_who_answers_questions_of_sources_that_the_viewer_sees(staffed):
    assert names(list_workers(staffed, ANN)) == ["ada", "ann", "ben", "both", "sis-steward"]
    assert names(list_workers(staffed, SIS_STEWARD)) == ["ada", "ann", "ben", "both", "sis-steward"]
    ccwis = Viewer("cc", None, SIS_STEWARD.actions, frozenset({"ccwis"}))
    assert "sis-steward" not in names(list_workers(staffed, ccwis))
    for call in (list_workers, load_workload):
        with pytest.raises(AccessDenied):
            call(staffed, NOBODY)


def test_the_workload_counts_what_each_holds_and_how_old_it_is(staffed):
    load_doubtful_pairs(staffed, 5)
    keys = question_keys(staffed)
    assign(staffed, ANN, keys[0], "ben", clock.today())
    assign(staffed, ANN, keys[1], "ben")
    claim(staffed, ANN, keys[2])
    escalate(staffed, ANN, keys[3], "Which one?")
    loads = {load.name: load for load in load_workload(staffed, ANN)}
    assert {name: load.questions for name, load in loads.items() if load.questions} == {
        "ben": 2, "ann": 1, APPROVER_ASSIGNEE: 1,
    }  # fmt: skip
    assert loads["ben"].full_name == "Ben Adams"
    assert (loads["ben"].overdue, loads["ada"].oldest) == (0, None)
    assert loads["ben"].oldest[:10] == clock.today()
    assert next(iter(load_workload(staffed, ANN))).name == "ben"
    with clock.fixed_clock(clock.now() + timedelta(days=2)):
        loads = {load.name: load for load in load_workload(staffed, ANN)}
    assert loads["ben"].overdue == 1
    # The claim has run out, and nobody is assigned the question.
    assert loads["ann"].questions == 0


def test_the_workload_counts_no_question_that_is_hidden(staffed):
    add_doubtful_pair(staffed)
    assign(staffed, ANN, only_question(staffed).key, "both")
    assert sum(load.questions for load in load_workload(staffed, ANN)) == 1
    assert sum(load.questions for load in load_workload(staffed, SIS_STEWARD)) == 0

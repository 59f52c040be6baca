"""Triage of the queue: filters and orders by the child, and only by what the viewer may see."""

from dataclasses import replace
from itertools import combinations, islice

import pytest

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.policy.parties import ALL
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.house import build_house_agreement
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.records.upsert import upsert
from mpi.service.review.assignments import assign
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.review.queue_triage import MAX_TRIAGED, SORTS
from mpi.service.review.saved_views import list_saved_views, save_view
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge_split_move import StepOptions
from tests.desk import ANN, BEN, SIS_STEWARD, load_doubtful_pairs, question_keys
from tests.index import OPERATOR, load_rows, make_child, many_children
from tests.unit.service.review.test_queue import add_tasks, make_task

FLAG = {
    "population": "foster_care",
    "value": "Y",
    "definition": "ESSA",
    "begin": "1/5/2019",
    "end": "1/5/2091",
}
ENDED_FLAG = {**FLAG, "end": "6/1/2020"}
CONFIDENTIAL = {"restrictions": [{"kind": "address_confidential", "begin": "2026-01-01"}]}
CHILDREN = (
    {
        "first_name": "Bea",
        "last_name": "Zimmer",
        "birth_date": "2020-05-01",
        "county": "Osier",
        "flags": [ENDED_FLAG],
    },
    {
        "first_name": "Abe",
        "last_name": "Alder",
        "birth_date": "2010-05-01",
        "county": "Larkin",
        "flags": [FLAG],
    },
    {
        "first_name": "Cyd",
        "last_name": "Mott",
        "birth_date": "2015-05-01",
        "county": "Larkin",
        **CONFIDENTIAL,
    },
    {"first_name": "Dot", "last_name": "Unknown", "birth_date": "2015", "county": None},
)


@pytest.fixture
def queue(index):
    """An index with one question for each child, ``q0`` the most urgent."""
    for number, child in enumerate(CHILDREN):
        upsert(index, OPERATOR, "sis", make_child(str(number), address_line1="1 Elm St", **child))
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis").id
        records = {
            local_id: record.id
            for local_id, record in unit.records.find_by_local_ids(
                source, [str(number) for number in range(len(CHILDREN))]
            ).items()
        }
    add_tasks(
        index,
        *(
            make_task(records[str(number)], records[str(number)], 100 - number, f"q{number}")
            for number in range(len(CHILDREN))
        ),
    )
    return index


def steward_under(*output_fields):
    """Return a steward whose agreement discloses certain fields for review."""
    [grant] = build_house_agreement().grants
    agreement = replace(
        build_house_agreement(),
        grants=(replace(grant, output_fields=frozenset(output_fields)),),
        is_approved=True,
    )
    caller = Caller("ann", frozenset(), None, agreement.code, 1, Role.STEWARD)
    return build_viewer(caller, "data_quality", agreement, clock.now().date())


@pytest.mark.parametrize(
    ("sort", "keys"),
    [
        ("urgent", ["q0", "q1", "q2", "q3"]),
        ("name", ["q1", "q3", "q2", "q0"]),
        ("age", ["q0", "q2", "q1", "q3"]),
        ("county", ["q1", "q0", "q2", "q3"]),
        ("system", ["q0", "q1", "q2", "q3"]),
    ],
)
def test_questions_are_sorted_by_what_is_shown_of_the_child(queue, sort, keys):
    # Dot has no last name but a placeholder, and no whole birth date; Cyd has no county that may be shown.
    assert question_keys(queue, sort=sort) == keys


def test_names_are_sorted_as_the_queue_shows_them(queue):
    # Bea Zimmer is shown as Bea Aaron since a steward has corrected her last name.
    [zimmer] = look_up_child_names(queue, ANN, Action.TASK_READ, [RecordRef("sis", "0")]).by_record.values()
    options = StepOptions(reason="typo", note="birth certificate seen")
    correct_value(queue, OPERATOR, zimmer.enterprise_id, "last_name", "Aaron", options)
    with queue.database.read(OPERATOR) as unit:
        record = unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["0"])["0"].id
    add_tasks(queue, make_task(record, record, 100, "q0"))
    assert question_keys(queue, sort="name") == ["q0", "q1", "q3", "q2"]


def test_the_age_of_a_question_orders_them_both_ways(index):
    load_doubtful_pairs(index, 1)
    load_doubtful_pairs(index, 1, start=5)
    oldest = question_keys(index, sort="oldest")
    assert len(oldest) == 2
    assert question_keys(index, sort="newest") == oldest[::-1]


@pytest.mark.parametrize(
    ("filters", "keys"),
    [
        ({"child": "zim"}, ["q0"]),
        ({"child": "Abe ALD"}, ["q1"]),
        ({"child": "be al"}, []),
        ({"child": "?"}, []),
        ({"max_age": 9}, ["q0"]),
        ({"min_age": 10, "max_age": 13}, ["q2"]),
        ({"county": "larkin"}, ["q1"]),
        ({"flag": "foster_care"}, ["q1"]),
        ({"child": "a", "county": "Osier"}, []),
    ],
)
def test_questions_are_filtered_by_what_is_shown_of_the_child(queue, filters, keys):
    assert question_keys(queue, **filters) == keys


def test_values_that_the_agreement_does_not_carry_neither_filter_nor_sort(queue):
    steward = steward_under("first_name")
    assert question_keys(queue, steward, child="Zimmer") == []
    assert question_keys(queue, steward, child="Bea") == ["q0"]
    assert question_keys(queue, steward, county="Larkin") == []
    assert question_keys(queue, steward, min_age=0) == []
    assert question_keys(queue, steward, sort="age") == question_keys(queue, steward)


def test_a_flag_that_the_agreement_does_not_carry_cannot_be_filtered_by(queue):
    for steward, flags in ((steward_under(ALL), ()), (steward_under("flags.foster_care"), ("foster_care",))):
        assert load_queue_page(queue, steward, Filters()).flags == flags
    with pytest.raises(InputError, match="flag: you may not filter by this flag"):
        question_keys(queue, steward_under(ALL), flag="foster_care")
    assert question_keys(queue, steward_under("flags.foster_care"), flag="foster_care") == ["q1"]


def test_a_reader_of_one_source_gets_the_order_of_an_index_without_the_others(queue):
    upsert(queue, OPERATOR, "ccwis", make_child("x", first_name="Aab", last_name="Aab", county="Aab"))
    with queue.database.read(OPERATOR) as unit:
        hidden = unit.records.find_by_local_ids(unit.sources.get_by_code("ccwis").id, ["x"])["x"].id
    add_tasks(queue, make_task(hidden, hidden, 1, "hidden"))
    for sort in SORTS:
        assert "hidden" not in question_keys(queue, SIS_STEWARD, sort=sort)
    assert question_keys(queue, SIS_STEWARD, sort="name") == ["q1", "q3", "q2", "q0"]
    assert question_keys(queue, SIS_STEWARD, child="aab") == []


def test_questions_assigned_to_somebody_are_listed(queue):
    assign(queue, ANN, "q2", "ann")
    assert question_keys(queue, BEN, assignee="ann") == ["q2"]
    assert question_keys(queue, BEN, assignee="nobody") == []


def test_pages_of_a_sorted_queue_follow_each_other(queue):
    filters = Filters(sort="name")
    first = load_queue_page(queue, ANN, filters, limit=3)
    second = load_queue_page(queue, ANN, filters, limit=3, after=first.after)
    assert [question.key for question in (*first.questions, *second.questions)] == ["q1", "q3", "q2", "q0"]
    assert (first.total, second.after, first.is_partial) == (4, None, False)
    with pytest.raises(InputError, match="after"):
        load_queue_page(queue, ANN, filters, after=load_queue_page(queue, ANN, Filters(), limit=1).after)


def test_only_the_most_urgent_questions_are_sorted_of_a_long_queue(queue):
    load_rows(queue, "ccwis", *many_children(33))
    with queue.database.read(OPERATOR) as unit:
        records = sorted(unit.records.active_canonical_keys())[-33:]
    pairs = list(islice(combinations(records, 2), MAX_TRIAGED))
    add_tasks(queue, *(make_task(*pair, 1_000 + n, f"long{n:04}") for n, pair in enumerate(pairs)))
    page = load_queue_page(queue, ANN, Filters(sort="name"), limit=1)
    assert (page.total, page.is_partial) == (MAX_TRIAGED, True)
    # The question about Abe Alder is less urgent than all of these.
    assert question_keys(queue, child="Alder") == []


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"sort": "harm"}, "sort: one of urgent"),
        ({"min_age": -1}, "age: give whole years"),
        ({"max_age": 900}, "age: give whole years"),
        ({"state": "closed", "sort": "name"}, "closed questions"),
    ],
)
def test_an_order_or_age_that_cannot_be_is_refused(index, filters, message):
    with pytest.raises(InputError, match=message):
        load_queue_page(index, ANN, Filters(**filters))


def test_a_saved_view_keeps_the_order_and_no_childs_name(index):
    save_view(index, ANN, "young", Filters(sort="age", max_age=5, child="Zimmer"))
    assert list_saved_views(index, ANN) == {"young": Filters(sort="age", max_age=5)}

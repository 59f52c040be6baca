"""Test what a source states about its own local IDs: merges, splits, take-backs and undo."""

from dataclasses import replace
from itertools import permutations

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.source_merge import MergeStatement
from mpi.domain.viewer import Action, IdempotentCall, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.review.task_list import list_review_tasks
from mpi.service.source_merges.listing import list_statements
from mpi.service.source_merges.registry import state_merges, take_back
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk, expunge, load_rows, make_child, open_test_index, partition_of
from tests.unit.service.resolution.test_source_assertions import ZOE, eid_of, send_record, task_kinds
from tests.unit.service.stewardship.test_decisions import are_same_person, make_decision, upsert_record

ULF = {"first_name": "Ulf", "last_name": "Berg", "birth_date": "2008-08-08", "postal_code": "45555"}
DISTRICT = Viewer("district", None, frozenset(Action), frozenset({"ccwis"}))


def statement(old: str, new: str | None, kind: str = "merge", date: str | None = None) -> MergeStatement:
    return MergeStatement(kind, old, new, date)


def state(index, *statements: MergeStatement, viewer=OPERATOR, **options):
    return state_merges(index, viewer, "ccwis", statements, **options)


def statuses(index) -> list[tuple[str, str]]:
    return [(view.kind, view.status) for view in list_statements(index, OPERATOR, "ccwis")]


@pytest.fixture
def children(index):
    """Three strangers of ccwis, with the local IDs 1 to 3."""
    upsert_record(index, "ccwis:1")
    send_record(index, "ccwis:2", **ZOE)
    send_record(index, "ccwis:3", **ULF)
    return index


def test_merge_joins_two_records_until_it_is_taken_back(children):
    before = crosswalk(children)
    result = state(children, statement("2", "1", date="2026-01-05"))
    assert (result.new, result.moved, result.refused) == (1, 1, ())
    assert are_same_person(children, "ccwis:1", "ccwis:2")
    load_rows(children, "ccwis", make_child("1", grade="05"), make_child("2", **ZOE, grade="05"))
    assert are_same_person(children, "ccwis:1", "ccwis:2")
    [view] = list_statements(children, OPERATOR, "ccwis")
    assert (view.kind, view.old_local_id, view.new_local_id) == ("merge", "2", "1")
    assert (view.date, view.status, view.ended_at) == ("2026-01-05", "in_force", None)
    assert take_back(children, OPERATOR, "ccwis", view.number).moved == 1
    assert crosswalk(children) == before
    assert statuses(children) == [("merge", "taken_back")]
    assert verify(children, OPERATOR) == []


def test_retired_id_of_a_merge_names_the_survivor_and_returns_with_the_split(children):
    before = crosswalk(children)
    state(children, statement("2", "1"))
    survivor = eid_of(children, "ccwis:1")
    retired = {before["ccwis", "1"], before["ccwis", "2"]} - {survivor}
    assert list(look_up_person(children, OPERATOR, retired.pop()).now) == [survivor]
    state(children, statement("2", "1", "split"))
    assert crosswalk(children) == before
    assert statuses(children) == [("split", "in_force"), ("merge", "superseded")]


def test_split_keeps_apart_what_the_model_links_until_it_is_taken_back(index):
    upsert_record(index, "ccwis:1")
    upsert_record(index, "ccwis:2")
    before = crosswalk(index)
    assert are_same_person(index, "ccwis:1", "ccwis:2")
    [number] = state(index, statement("1", "2", "split")).stated
    assert not are_same_person(index, "ccwis:1", "ccwis:2")
    take_back(index, OPERATOR, "ccwis", number)
    assert crosswalk(index) == before
    assert verify(index, OPERATOR) == []


def test_split_that_is_taken_back_lets_the_merge_count_again(children):
    state(children, statement("2", "1", date="2026-01-05"))
    [split] = state(children, statement("1", "2", "split", "2026-02-05")).stated
    assert not are_same_person(children, "ccwis:1", "ccwis:2")
    take_back(children, OPERATOR, "ccwis", split)
    assert are_same_person(children, "ccwis:1", "ccwis:2")
    assert verify(children, OPERATOR) == []


def test_chain_of_merges_joins_all_its_records(children):
    state(children, statement("3", "2"), statement("2", "1"))
    assert len(set(crosswalk(children).values())) == 1


@pytest.mark.parametrize(
    ("earlier", "statements"),
    [
        ([], [statement("1", "2"), statement("2", "1")]),
        ([statement("1", "2")], [statement("2", "1")]),
        ([statement("1", "2"), statement("2", "3")], [statement("3", "1")]),
        ([], [statement("1", "2"), statement("2", "3"), statement("3", "4"), statement("4", "1")]),
    ],
)
def test_circle_is_refused_and_nothing_is_stored(children, earlier, statements):
    if earlier:
        state(children, *earlier)
    before = crosswalk(children), statuses(children)
    with pytest.raises(ConflictError, match="circle"):
        state(children, *statements)
    assert (crosswalk(children), statuses(children)) == before


def test_circle_through_a_merge_that_a_record_states_is_refused(children):
    send_record(children, "ccwis:2", **ZOE, merged_into="1")
    with pytest.raises(ConflictError, match="circle"):
        state(children, statement("1", "2"))
    with pytest.raises(ConflictError, match="into another one"):
        state(children, statement("2", "3"))
    assert statuses(children) == []


def test_local_id_that_is_merged_into_two_is_refused_until_the_first_merge_ends(children):
    [first] = state(children, statement("2", "1")).stated
    with pytest.raises(ConflictError, match="into another one"):
        state(children, statement("2", "3"))
    assert are_same_person(children, "ccwis:1", "ccwis:2")
    take_back(children, OPERATOR, "ccwis", first)
    state(children, statement("2", "3"))
    assert not are_same_person(children, "ccwis:1", "ccwis:2")
    assert are_same_person(children, "ccwis:2", "ccwis:3")


def test_same_statement_again_changes_nothing(children):
    state(children, statement("2", "1", date="2026-01-05"))
    before = crosswalk(children), list_statements(children, OPERATOR, "ccwis")
    again = state(children, statement("2", "1", date="2026-01-05"), statement("2", "1"))
    assert (again.new, again.unchanged, again.step) == (0, 2, None)
    assert (crosswalk(children), list_statements(children, OPERATOR, "ccwis")) == before


def test_older_statement_that_arrives_late_changes_no_person(children):
    state(children, statement("2", "1", date="2026-01-05"))
    state(children, statement("2", "1", "split", "2026-01-01"))
    assert are_same_person(children, "ccwis:1", "ccwis:2")
    assert statuses(children) == [("split", "superseded"), ("merge", "in_force")]
    undo_decision(children, OPERATOR, list_statements(children, OPERATOR, "ccwis")[1].number)
    assert statuses(children) == [("split", "in_force"), ("merge", "undone")]


def test_order_of_arrival_of_dated_statements_does_not_matter(tmp_path):
    statements = [
        statement("2", "1", date="2026-01-05"),
        statement("1", "2", "split", "2026-02-05"),
        statement("2", "1", date="2026-03-05"),
        statement("3", "2", date="2026-01-07"),
    ]
    results = set()
    for number, order in enumerate(permutations(statements)):
        if number % 5:
            continue
        with open_test_index(tmp_path / str(number), "ccwis") as index:
            for each in order[:2]:
                state(index, each)
            load_rows(index, "ccwis", make_child("1"), make_child("2", **ZOE), make_child("3", **ULF))
            state(index, *order[2:])
            results.add(frozenset(partition_of(index)))
            assert verify(index, OPERATOR) == []
    assert results == {frozenset({frozenset({("ccwis", "1"), ("ccwis", "2"), ("ccwis", "3")})})}


def test_merge_holds_for_records_that_arrive_later(index):
    state(index, statement("2", "1"))
    assert crosswalk(index) == {}
    load_rows(index, "ccwis", make_child("2", **ZOE))
    load_rows(index, "ccwis", make_child("1"))
    assert are_same_person(index, "ccwis:1", "ccwis:2")
    assert verify(index, OPERATOR) == []


def test_steward_is_stronger_and_a_task_asks(children):
    make_decision(children, "DIFFERENT", ["ccwis:1"], ["ccwis:2"])
    before = crosswalk(children)
    state(children, statement("2", "1"))
    assert crosswalk(children) == before
    assert task_kinds(children) == ["conflict"]
    assert verify(children, OPERATOR) == []


def test_whole_file_is_undone_as_one_step_and_may_be_stated_again(children):
    before = crosswalk(children)
    file = (statement("2", "1", date="2026-01-05"), statement("3", "2", date="2026-01-06"))
    result = state(children, *file)
    undo_step(children, OPERATOR, result.step)
    assert crosswalk(children) == before
    with pytest.raises(ConflictError):
        undo_step(children, OPERATOR, result.step)
    assert state(children, *file).new == 2
    assert verify(children, OPERATOR) == []


def test_steps_are_undone_in_any_order(children):
    before = crosswalk(children)
    merge = state(children, statement("2", "1", date="2026-01-05"))
    split = state(children, statement("2", "1", "split", "2026-01-06"))
    again = state(children, statement("2", "1", date="2026-01-07"))
    undo_step(children, OPERATOR, split.step)
    assert are_same_person(children, "ccwis:1", "ccwis:2")
    undo_step(children, OPERATOR, again.step)
    assert are_same_person(children, "ccwis:1", "ccwis:2")
    undo_step(children, OPERATOR, merge.step)
    assert crosswalk(children) == before


def test_merge_undone_by_a_steward_is_not_repeated_by_the_next_file(children):
    file = (statement("2", "1", date="2026-01-05"), statement("3", "1", date="2026-01-05"))
    [wrong, _] = state(children, *file).stated
    undo_decision(children, OPERATOR, wrong)
    again = state(children, *file)
    assert (again.new, again.unchanged, again.undone) == (0, 1, 1)
    assert not are_same_person(children, "ccwis:1", "ccwis:2")
    assert state(children, statement("2", "1", date="2026-04-01")).new == 1, "it happened once more"


def test_statement_about_a_sealed_or_destroyed_record_is_refused_as_its_records_are(children):
    expunge(children, "ccwis", make_child("3", **ULF))
    send_record(children, "ccwis:2", **ZOE, restrictions=[{"kind": "sealed"}])
    result = state(children, statement("2", "1"), statement("3", "1"), statement("4", "1"))
    assert (result.new, len(result.refused)) == (1, 2)
    assert [view.old_local_id for view in list_statements(children, OPERATOR, "ccwis")] == ["4"]
    assert verify(children, OPERATOR) == []


def test_list_leaves_out_records_that_are_sealed_later(children):
    state(children, statement("2", "1"))
    send_record(children, "ccwis:2", **ZOE, restrictions=[{"kind": "sealed"}])
    assert list_statements(children, OPERATOR, "ccwis") == []
    assert verify(children, OPERATOR) == []


def test_source_speaks_of_its_own_local_ids_only(children):
    send_record(children, "sis:1", **ZOE)
    send_record(children, "sis:3", **ULF)
    state(children, statement("3", "1"), viewer=DISTRICT)
    assert not are_same_person(children, "sis:1", "sis:3")
    with pytest.raises(AccessDenied):
        state_merges(children, DISTRICT, "sis", [statement("3", "1")])
    with pytest.raises(AccessDenied):
        list_statements(children, DISTRICT, "sis")
    [number] = [view.number for view in list_statements(children, OPERATOR, "ccwis")]
    with pytest.raises(NotFoundError):
        take_back(children, OPERATOR, "sis", number)
    with pytest.raises(NotFoundError):
        take_back(children, OPERATOR, "ccwis", number + 99)


def test_reader_may_not_state_or_take_back(children):
    [number] = state(children, statement("2", "1")).stated
    reader = Viewer("reader", None, frozenset({Action.RECORD_READ}), frozenset({"ccwis"}))
    with pytest.raises(AccessDenied):
        state(children, statement("3", "1"), viewer=reader)
    with pytest.raises(AccessDenied):
        take_back(children, reader, "ccwis", number)
    assert len(list_statements(children, reader, "ccwis")) == 1


def test_preview_shows_the_effect_and_changes_nothing(children):
    before = crosswalk(children)
    preview = state(children, statement("2", "1"), preview=True)
    assert (preview.new, preview.moved, preview.step, preview.stated) == (1, 1, None, ())
    assert (crosswalk(children), statuses(children)) == (before, [])


def test_repeated_call_is_answered_as_before(children):
    caller = replace(DISTRICT, idempotent_call=IdempotentCall("k", b"call"))
    first = state(children, statement("2", "1"), viewer=caller)
    assert state(children, statement("2", "1"), viewer=caller) == first
    remover = replace(DISTRICT, idempotent_call=IdempotentCall("l", b"call"))
    taken = take_back(children, remover, "ccwis", first.stated[0])
    assert take_back(children, remover, "ccwis", first.stated[0]) == taken
    with pytest.raises(ConflictError):
        take_back(children, DISTRICT, "ccwis", first.stated[0])


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (statement("2", "2"), "is the old local ID"),
        (statement("2", None), "new_local_id: missing"),
        (statement("2", "1", "reuse"), "leave it out"),
        (statement("2", "1", "join"), "give merge, split or reuse"),
        (statement("2", "1", date="2999-01-01"), "day to come"),
        (statement("2", "1", date="01/05/2026"), "YYYY-MM-DD"),
        (statement("", "1"), "old_local_id"),
        (statement("2", "078-05-1120"), "new_local_id"),
        (statement("2", "\u200b1"), "new_local_id"),
    ],
)
def test_wrong_statement_is_refused_without_its_value_and_nothing_is_stored(children, wrong, error):
    with pytest.raises(InputError, match=error) as refusal:
        state(children, statement("3", "1"), wrong)
    assert "078-05" not in str(refusal.value)
    assert statuses(children) == []


def test_no_statement_is_refused(index):
    with pytest.raises(InputError):
        state(index)


def test_reuse_links_nothing_and_a_task_asks(children):
    before = crosswalk(children)
    [number] = state(children, statement("2", None, "reuse")).stated
    assert crosswalk(children) == before
    [task] = list_review_tasks(children, OPERATOR)
    assert [record.local_id for record in task.records] == ["2"]
    assert statuses(children) == [("reuse", "review")]
    assert state(children, statement("2", None, "reuse")).unchanged == 1
    take_back(children, OPERATOR, "ccwis", number)
    assert list_review_tasks(children, OPERATOR) == []


def test_list_is_read_in_pages(children):
    state(children, statement("2", "1"), statement("3", "1"), statement("4", "1"))
    first = list_statements(children, OPERATOR, "ccwis", limit=2)
    rest = list_statements(children, OPERATOR, "ccwis", before=first[-1].number, limit=2)
    assert [view.old_local_id for view in (*first, *rest)] == ["4", "3", "2"]


def test_former_local_id_is_answered_after_the_merge(children):
    state(children, statement("2", "1"))
    found = look_up_crosswalk(children, OPERATOR, "ccwis", "2")
    assert found.enterprise_id == eid_of(children, "ccwis:1")

"""IDs of records whose blocks wait for a check are provisional until an event settles them."""

import pytest

from mpi.domain.viewer import Action, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.upsert import upsert
from mpi.service.records.upsert_result import Outcome
from mpi.service.records.withdrawal import withdraw
from tests.index import OPERATOR, crosswalk, load_rows
from tests.laws.dense_blocks import LIMIT, make_dense_child, with_small_blocks

SCHOOL = Viewer("school", "school_stability", frozenset(Action), frozenset({"sis"}))
"""A client of one source in an index of several."""


@pytest.fixture
def small(index):
    """An index whose blocks bring pairs of few records only."""
    return with_small_blocks(index)


def send(index, *numbers: int, viewer=OPERATOR, **values: object):
    """Send records of one content; return the last answer."""
    for number in numbers:
        answer = upsert(index, viewer, "sis", {**make_dense_child(number, 0), **values})
    return answer


def events_about(index, number: int, viewer=OPERATOR) -> list[tuple[str, str | None, str | None]]:
    """Return cause and IDs of a record's events."""
    events = read_change_feed(index, viewer, limit=1000).events
    return [(event.cause, event.before, event.after) for event in events if event.local_id == f"r{number}"]


def test_record_that_makes_a_block_too_large_has_a_provisional_id(small):
    assert not send(small, *range(LIMIT)).pending
    answer = send(small, LIMIT)
    assert (answer.pending, answer.provisional, answer.outcome) == (True, True, Outcome.CREATED)
    again = send(small, LIMIT)
    assert (again.pending, again.provisional, again.outcome) == (True, True, Outcome.UNCHANGED)
    finish_deferred_searches(small, OPERATOR)
    person = crosswalk(small)["sis", f"r{LIMIT}"]
    assert events_about(small, LIMIT)[-1] == ("settled", person, person)
    settled = send(small, LIMIT)
    assert (settled.pending, settled.provisional) == (False, False)
    assert verify(small, OPERATOR) == []


def test_event_that_settles_follows_the_move_of_a_record(small):
    send(small, *range(LIMIT + 1))
    finish_deferred_searches(small, OPERATOR)
    withdraw(small, OPERATOR, "sis", "r0")
    answer = send(small, LIMIT, grade="4")
    assert answer.pending
    finish_deferred_searches(small, OPERATOR)
    persons = crosswalk(small)
    assert len(set(persons.values())) == 1
    moved, settled = events_about(small, 1)[-1], events_about(small, LIMIT)[-1]
    assert settled == ("settled", persons["sis", "r1"], persons["sis", "r1"])
    assert moved[0] == "upsert", "a record that nobody was told of as pending has no such event"


def test_only_records_whose_blocks_wait_are_pending(small):
    send(small, *range(LIMIT + 1))
    other = upsert(small, OPERATOR, "sis", {**make_dense_child(20, 5), "last_name": "Quill"})
    assert not other.pending
    finish_deferred_searches(small, OPERATOR)
    assert not send(small, LIMIT + 1).pending, "the block is too large for good"
    assert [cause for cause, *_ in events_about(small, LIMIT + 1)] == ["upsert"]


def test_worker_that_stops_before_the_last_check_settles_nothing(small):
    send(small, *range(LIMIT + 1))
    finish_deferred_searches(small, OPERATOR, is_stopping=iter([False, True]).__next__)
    assert send(small, LIMIT).pending
    finish_deferred_searches(small, OPERATOR)
    assert [cause for cause, *_ in events_about(small, LIMIT)] == ["upsert", "settled"]


def test_record_that_is_withdrawn_meanwhile_has_no_settled_event(small):
    send(small, *range(LIMIT + 1))
    withdraw(small, OPERATOR, "sis", f"r{LIMIT}")
    finish_deferred_searches(small, OPERATOR)
    assert [cause for cause, *_ in events_about(small, LIMIT)] == ["upsert", "withdraw"]


def test_load_settles_ids_that_were_provisional(small):
    send(small, *range(LIMIT + 1))
    load_rows(small, "sis", make_dense_child(30, 5), confirm=True)
    assert events_about(small, LIMIT)[-1][0] == "settled"


def test_lineage_of_a_person_leaves_out_that_its_id_was_settled(small):
    eid = send(small, *range(LIMIT + 1)).enterprise_id
    finish_deferred_searches(small, OPERATOR)
    assert [step.cause for step in look_up_lineage(small, OPERATOR, eid)] == ["upsert"]


def test_client_of_one_source_is_not_told_of_block_sizes_in_a_shared_index(small):
    send(small, *range(LIMIT))
    answer = send(small, LIMIT, viewer=SCHOOL)
    assert (answer.pending, answer.provisional) == (False, False)
    finish_deferred_searches(small, OPERATOR)
    assert events_about(small, LIMIT)[-1][0] == "settled"
    assert events_about(small, LIMIT, SCHOOL)[-1][0] == "upsert"

"""The change feed tells of changes of local IDs, so that a follower has the crosswalk of the index."""

import random

import pytest

from mpi.client.feed_page import apply_events
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, load_rows, many_children

CHILDREN = many_children(4)


class Follower:
    """A copy of the crosswalk that follows the feed."""

    def __init__(self):
        self.cursor = 0
        self.copy = {}

    def catch_up(self, index):
        """Read the feed to its end."""
        while (page := read_change_feed(index, OPERATOR, self.cursor, 2)).events:
            apply_events(self.copy, page.events)
            self.cursor = page.cursor

    def as_crosswalk(self):
        """Return the copy in the form of the crosswalk."""
        return {(record.source, record.local_id): eid for record, eid in self.copy.items()}


@pytest.fixture
def renamed(index):
    """An index with four children of sis, of whom the first two have swapped their local IDs."""
    load_rows(index, "sis", *CHILDREN)
    rekey(index, OPERATOR, "sis", {"c0": "c1", "c1": "c0"})
    return index


def read_last_commit(index, viewer=OPERATOR):
    events = read_change_feed(index, viewer, 0, 1_000).events
    return [event for event in events if event.commit == events[-1].commit]


def test_each_local_id_is_left_before_another_record_gets_it(renamed):
    events = [(each.local_id, each.before is None, each.after is None) for each in read_last_commit(renamed)]
    assert events == [("c0", False, True), ("c1", False, True), ("c0", True, False), ("c1", True, False)]
    assert {each.cause for each in read_last_commit(renamed)} == {"renamed"}
    assert [each.seq for each in read_last_commit(renamed)] == [1, 2, 3, 4]


def test_a_withdrawn_record_leaves_its_local_id_and_gets_no_enterprise_id(index):
    load_rows(index, "sis", *CHILDREN)
    withdraw(index, OPERATOR, "sis", "c0")
    rekey(index, OPERATOR, "sis", {"c0": "new"})
    [event] = read_last_commit(index)
    assert (event.local_id, event.before, event.after) == ("c0", None, None)


def test_a_reader_of_another_source_learns_of_no_change(renamed):
    reader = Viewer("reader", None, frozenset(Action), frozenset({"ccwis"}))
    assert read_change_feed(renamed, reader, 0, 10).events == ()


@pytest.mark.parametrize("seed", range(6))
def test_followers_that_read_at_any_time_have_the_crosswalk(index, seed):
    draw = random.Random(seed)
    load_rows(index, "sis", *CHILDREN)
    followers, steps = [Follower() for _ in range(4)], []
    for _ in range(14):
        change_something(index, draw, steps)
        for follower in draw.sample(followers, draw.randrange(3)):
            follower.catch_up(index)
    for follower in (*followers, Follower()):
        follower.catch_up(index)
        assert follower.as_crosswalk() == crosswalk(index)


def change_something(index, draw, steps):
    """Give new local IDs, undo that, withdraw a record, or send one under any local ID."""
    names = [f"c{number}" for number in range(6)]
    kind = draw.choice(["rekey", "rekey", "rekey", "undo", "withdraw", "send"])
    try:
        match kind:
            case "rekey":
                count = draw.randint(1, 3)
                new_ids = dict(zip(draw.sample(names, count), draw.sample(names, count), strict=True))
                steps.append(rekey(index, OPERATOR, "sis", new_ids).step)
            case "undo" if any(steps):
                undo_step(index, OPERATOR, draw.choice([step for step in steps if step]), "mistake")
            case "withdraw":
                withdraw(index, OPERATOR, "sis", draw.choice(names))
            case "send":
                upsert(index, OPERATOR, "sis", draw.choice(CHILDREN) | {"local_id": draw.choice(names)})
    except (ConflictError, NotFoundError):
        pass  # the record is not there, or the step was undone: another change follows

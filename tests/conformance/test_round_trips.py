"""Database round trips of a call: few to PostgreSQL and none to SQLite."""

import threading

import pytest

from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.core.group_commit import MAX_STEPS, GroupCommit
from mpi.service.records.upsert import upsert
from mpi.storage.driver.pipeline import Pipeline
from tests.concurrent_calls import at_once
from tests.index import OPERATOR, make_child, many_children

CREATED, LINKED = 2, 3
"""Round trips of a resolve of an unmatched new record and of a matched one, including the commit."""


@pytest.fixture
def round_trips(monkeypatch):
    """The thread of each wait for a PostgreSQL connection."""
    round_trips = []
    answers = Pipeline._answers

    def noted(self, *arguments, **options):
        round_trips.append(threading.get_ident())
        return answers(self, *arguments, **options)

    monkeypatch.setattr(Pipeline, "_answers", noted)
    return round_trips


def test_a_resolve_and_its_authentication_need_few_round_trips(index, round_trips):
    key = add_client(index, OPERATOR, "sender", ["record.write"], None)
    names = ("Amara", "Chidi", "Quirina", "Bartholomew")
    counts = {}
    for number, name in enumerate(names):
        for source in ("sis", "ccwis"):
            child = make_child(
                f"c{number}", first_name=name, last_name=f"{name}son", birth_date=f"201{number}-03-09"
            )
            round_trips.clear()
            authenticate(index, key, None)
            authentication_count = len(round_trips)
            outcome = upsert(index, OPERATOR, source, child).outcome
            counts[outcome] = authentication_count, len(round_trips) - authentication_count
    expected = {"created": (1, CREATED), "linked": (1, LINKED)}
    assert counts == (expected if index.database.is_postgresql else dict.fromkeys(expected, (0, 0)))


def test_a_step_of_a_group_commit_does_not_wait_for_the_previous_answer(index, round_trips, monkeypatch):
    counts = []
    run_batch = GroupCommit._run_batch

    def run_counted(self, database):
        # Callers without a turn search for their pairs at the same time, each in its own thread.
        own_thread, waits_before = threading.get_ident(), list(round_trips)
        run_batch(self, database)
        counts.append(round_trips[len(waits_before) :].count(own_thread))

    for start in (0, 100):  # the first time connections are opened
        counts.clear()
        with monkeypatch.context() as patched:
            patched.setattr(GroupCommit, "_run_batch", run_counted)
            children = many_children(MAX_STEPS, start)
            at_once(index, [lambda c=c: upsert(index, OPERATOR, "sis", c) for c in children])
    # A step that is answered before the next one starts waits twice: for its first queries and for its
    # answer.
    assert sum(counts) <= 12

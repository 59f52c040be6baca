"""What a call over the network waits for: few round trips to PostgreSQL, and none to SQLite."""

import threading

import pytest

from mpi.service.access.clients import add_client, authenticate
from mpi.service.core.group_commit import MAX_STEPS, GroupCommit
from mpi.service.records.upsert import upsert
from mpi.storage.driver.pipeline import Pipeline
from tests.index import OPERATOR, a_child, an_index, many_children
from tests.waiting import at_once

CREATED, LINKED = 2, 3
"""Round trips of a resolve of a new record that is like no other, and like one; its commit among them."""


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", "ccwis", secret="5" * 64, database_url=database_url) as index:
        yield index


@pytest.fixture
def waits(monkeypatch):
    """The thread of each time that a connection to PostgreSQL is waited for."""
    waits = []
    answers = Pipeline._answers

    def noted(self, *arguments, **options):
        waits.append(threading.get_ident())
        return answers(self, *arguments, **options)

    monkeypatch.setattr(Pipeline, "_answers", noted)
    return waits


def test_a_resolve_and_whose_key_it_is_wait_for_few_answers(index, waits):
    key = add_client(index, OPERATOR, "sender", ["record.write"], None)
    names = ("Amara", "Chidi", "Quirina", "Bartholomew")
    few = {}
    for number, name in enumerate(names):
        for source in ("sis", "ccwis"):
            child = a_child(
                f"c{number}", first_name=name, last_name=f"{name}son", birth_date=f"201{number}-03-09"
            )
            waits.clear()
            authenticate(index, key, None)
            asked = len(waits)
            outcome = upsert(index, OPERATOR, source, child).outcome
            few[outcome] = asked, len(waits) - asked
    expected = {"created": (1, CREATED), "linked": (1, LINKED)}
    assert few == (expected if index.database.is_postgresql else dict.fromkeys(expected, (0, 0)))


def test_of_upserts_that_share_a_transaction_none_waits_for_its_answer_before_the_next_is_begun(
    index, waits, monkeypatch
):
    inside = []
    do_some = GroupCommit._run_batch

    def counted(self, database):
        # Others, which have no turn yet, look for their pairs at the same time, each in a thread of its own.
        mine, before = threading.get_ident(), list(waits)
        do_some(self, database)
        inside.append(waits[len(before) :].count(mine))

    for start in (0, 100):  # the first time connections are opened
        inside.clear()
        with monkeypatch.context() as patched:
            patched.setattr(GroupCommit, "_run_batch", counted)
            children = many_children(MAX_STEPS, start)
            at_once(index, [lambda c=c: upsert(index, OPERATOR, "sis", c) for c in children])
    # One that is answered before the next is begun waits twice: for what it begins with, and for its answer.
    assert sum(inside) <= 12

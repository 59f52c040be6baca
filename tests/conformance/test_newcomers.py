"""A record that has just come is settled without reading what cannot be: it comes to the same."""

from unittest.mock import patch

import pytest

from mpi.service.maintenance.verify import verify
from mpi.service.persons.search import search_persons
from mpi.service.records.upsert import upsert
from mpi.service.resolution import resolve as resolving
from mpi.service.resolution.closure import NO_NEW_RECORDS
from mpi.storage.unit_of_work.session import DatabaseSession
from tests.index import OPERATOR, a_child, an_index, partition_of

NAMES = ("Amara", "Amarah", "Chidi")
DAYS = ("2014-03-09", "2011-07-02")


def children():
    """Records of a few children that are alike in every way that makes edges, weak ones too."""
    number = 0
    for name in NAMES:
        for day in DAYS:
            for changes in ({}, {"ssn": "532-11-8842"}, {"postal_code": None}, {"last_name": "Okonkwo-Bell"}):
                number += 1
                yield a_child(f"c{number}", first_name=name, birth_date=day, **changes)


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", "ccwis", secret="5" * 64, database_url=database_url) as index:
        yield index


def reading_all():
    """As if every record had been there before."""
    return patch.object(resolving, "_find_new_records", lambda *_: NO_NEW_RECORDS)


def send_all(index):
    answers = []
    for number, sent in enumerate(children()):
        source = ("sis", "ccwis")[number % 2]
        answer = upsert(index, OPERATOR, source, sent)
        answers.append((answer.outcome, answer.record, answer.provisional, answer.tasks))
        if answer.enterprise_id and number % 5 == 0:
            said = {"same_as": answer.enterprise_id} if number % 2 else {"not": [answer.enterprise_id]}
            answer = upsert(index, OPERATOR, "sis", {**sent, "local_id": f"s{number}", **said})
            answers.append((answer.outcome, answer.record, answer.provisional, answer.tasks))
    return answers


def test_what_a_newcomer_is_answered_and_settles_is_what_reading_all_gives(index, tmp_path):
    mine = send_all(index)
    with an_index(tmp_path / "other", "sis", "ccwis", secret="5" * 64) as other, reading_all():
        assert send_all(other) == mine
        assert partition_of(other) == partition_of(index)
    assert verify(index, OPERATOR) == []
    assert {outcome for outcome, *_ in mine} >= {"created", "linked"}


def test_a_question_sent_ahead_is_asked_anew_once_something_was_written(index):
    with index.database.write(OPERATOR, "test") as unit:
        session = unit.connection
        assert isinstance(session, DatabaseSession)
        for _ in range(3):
            unit.records.canonical_keys([1])
        unit.records.prefetch_canonical_keys([1])
        source = unit.sources.get_by_code("sis")
        unit.records.insert(
            [
                {"id": 1, "source_id": source.id, "local_id": "1", "group_id": source.group_id,
                 "subject": None, "state": "active", "canonical_key": 7, "version_id": None,
                 "last_seen": "2026-01-01T00:00:00.000000Z"}
            ]
        )  # fmt: skip
        assert unit.records.canonical_keys([1]) == {1: 7}


def test_questions_sent_ahead_and_never_asked_leave_no_trace(index):
    for _ in range(4):
        with index.database.write(OPERATOR, "test") as unit:
            unit.prefetch()
            unit.records.prefetch_canonical_keys([1, 2])
            unit.tasks.prefetch_about_records([1])
    assert search_persons(index, OPERATOR, a_child("x")) == []

"""A new record is settled without the reads that it does not need, and with the same result."""

from unittest.mock import patch

from mpi.service.maintenance.verify import verify
from mpi.service.persons.search import search_persons
from mpi.service.records.upsert import upsert
from mpi.service.resolution import resolve as resolving
from mpi.service.resolution.closure import NO_NEW_RECORDS
from mpi.storage.unit_of_work.session_pool import DatabaseSession
from tests.index import OPERATOR, make_child, open_test_index, partition_of

NAMES = ("Amara", "Amarah", "Chidi")
DAYS = ("2014-03-09", "2011-07-02")


def children():
    """Yield similar records of a few children, with strong and weak edges."""
    number = 0
    for name in NAMES:
        for day in DAYS:
            for changes in ({}, {"ssn": "532-11-8842"}, {"postal_code": None}, {"last_name": "Okonkwo-Bell"}):
                number += 1
                yield make_child(f"c{number}", first_name=name, birth_date=day, **changes)


def without_new_record_shortcut():
    """Treat every record as if it had been stored before."""
    return patch.object(resolving, "_find_new_records", lambda *_: NO_NEW_RECORDS)


def send_all(index):
    answers = []
    for number, child in enumerate(children()):
        source = ("sis", "ccwis")[number % 2]
        answer = upsert(index, OPERATOR, source, child)
        answers.append((answer.outcome, answer.record, answer.provisional, answer.tasks))
        if answer.enterprise_id and number % 5 == 0:
            assertion = {"same_as": answer.enterprise_id} if number % 2 else {"not": [answer.enterprise_id]}
            answer = upsert(index, OPERATOR, "sis", {**child, "local_id": f"s{number}", **assertion})
            answers.append((answer.outcome, answer.record, answer.provisional, answer.tasks))
    return answers


def test_a_new_record_settles_as_if_everything_were_read(index, tmp_path):
    answers = send_all(index)
    with (
        open_test_index(tmp_path / "other", "sis", "ccwis", secret="5" * 64) as other_index,
        without_new_record_shortcut(),
    ):
        assert send_all(other_index) == answers
        assert partition_of(other_index) == partition_of(index)
    assert verify(index, OPERATOR) == []
    assert {outcome for outcome, *_ in answers} >= {"created", "linked"}


def test_a_prefetched_query_is_repeated_after_a_write(index):
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


def test_unused_prefetched_queries_leave_no_trace(index):
    for _ in range(4):
        with index.database.write(OPERATOR, "test") as unit:
            unit.prefetch()
            unit.records.prefetch_canonical_keys([1, 2])
            unit.tasks.prefetch_about_records([1])
    assert search_persons(index, OPERATOR, make_child("x")) == []

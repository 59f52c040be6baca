"""The answer to a stored record has its ledger line before it leaves, on both stores."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, NotFoundError, StoreError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import IdempotentCall
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.decisions import DecisionRequest, report_link
from tests.concurrent_calls import at_once
from tests.index import OPERATOR, expunge, make_child, many_children

SENDER = replace(OPERATOR, client="district-1")


def lines_of(index, client="district-1"):
    """Return action, records and fields of each line of a client."""
    with index.database.ledger.read(OPERATOR) as unit:
        return [
            (line.action, line.record_ids, line.fields)
            for line in unit.disclosures.all()
            if line.client == client
        ]


def number_of(index, source, local_id):
    with index.database.read(OPERATOR) as unit:
        source_id = unit.sources.get_by_code(source).id
        return unit.records.find_by_local_ids(source_id, [local_id])[local_id].id


TOLD = ("enterprise_id", "outcome")


def test_each_answer_about_a_stored_record_has_a_line_also_an_unchanged_one(index):
    for outcome, name in (("created", "Amara"), ("unchanged", "Amara"), ("unchanged", "Amarah")):
        assert upsert(index, SENDER, "sis", make_child("1", first_name=name)).outcome == outcome
    number = number_of(index, "sis", "1")
    assert lines_of(index) == [("record.write", (number,), TOLD)] * 3


def test_a_repeated_call_is_a_further_disclosure(index):
    caller = replace(SENDER, idempotent_call=IdempotentCall("k1", b"call"))
    first, second = (upsert(index, caller, "sis", make_child("1")) for _ in range(2))
    assert first == second
    assert lines_of(index) == [("record.write", (number_of(index, "sis", "1"),), TOLD)] * 2


def ask_about(index, caller):
    """Send a record of which a question is open; return the answer and both record numbers."""
    other = make_child("2", first_name="Bo", last_name="Lind", birth_date="2001-12-01")
    upsert(index, OPERATOR, "sis", make_child("1"))
    upsert(index, OPERATOR, "ccwis", other)
    records = [[RecordRef("sis", "1"), RecordRef("ccwis", "2")]]
    report_link(index, OPERATOR, DecisionRequest(DecisionKind.SAME, records, reason="test"))
    answers = [upsert(index, caller, "ccwis", other) for _ in range(2)]
    assert answers[0].tasks
    assert answers[0] == answers[1]
    return tuple(sorted((number_of(index, "sis", "1"), number_of(index, "ccwis", "2"))))


def test_an_answer_with_an_open_question_names_the_other_record_too(index):
    both = ask_about(index, SENDER)
    assert lines_of(index)[-1] == ("record.write", both, (*TOLD, "tasks"))


def test_a_repeated_answer_with_an_open_question_names_the_other_record_too(index):
    caller = replace(SENDER, idempotent_call=IdempotentCall("k1", b"call"))
    both = ask_about(index, caller)
    assert [line for line in lines_of(index) if line[1] == both] == [
        ("record.write", both, (*TOLD, "tasks"))
    ] * 2


def test_a_repeated_call_about_a_record_that_was_sealed_since_has_a_line(index):
    caller = replace(SENDER, idempotent_call=IdempotentCall("k1", b"call"))
    upsert(index, caller, "sis", make_child("1"))
    number = number_of(index, "sis", "1")
    upsert(index, OPERATOR, "sis", make_child("1", restrictions=[{"kind": "sealed"}]))
    with pytest.raises(ConflictError, match="can no longer be shown"):
        upsert(index, caller, "sis", make_child("1"))
    assert lines_of(index) == [("record.write", (number,), TOLD), ("record.write", (number,), ("outcome",))]


def test_records_of_one_group_commit_have_a_line_each(index):
    children = many_children(24)
    at_once(index, [lambda c=c: upsert(index, SENDER, "sis", c) for c in children])
    told = [records for _, records, _ in lines_of(index)]
    assert sorted(told) == sorted((number_of(index, "sis", child["local_id"]),) for child in children)


def test_a_refusal_names_the_sealed_or_expunged_record(index):
    for local_id in ("1", "2"):
        upsert(index, OPERATOR, "sis", make_child(local_id))
    sealed, expunged = (number_of(index, "sis", local_id) for local_id in ("1", "2"))
    upsert(index, OPERATOR, "sis", make_child("1", restrictions=[{"kind": "sealed"}]))
    expunge(index, "sis", make_child("2"))
    for local_id in ("1", "2"):
        assert upsert(index, SENDER, "sis", make_child(local_id)).outcome == "refused"
    assert lines_of(index) == [("record.write", (number,), TOLD) for number in (sealed, expunged)]


def test_a_withdrawal_has_a_line(index):
    upsert(index, OPERATOR, "sis", make_child("1"))
    withdraw(index, SENDER, "sis", "1")
    assert lines_of(index) == [("record.write", (number_of(index, "sis", "1"),), ("outcome",))]


def test_nothing_is_answered_if_the_ledger_cannot_be_written(index):
    with index.database.ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE disclosed_record RENAME TO lost"))
    with pytest.raises(StoreError):
        upsert(index, SENDER, "sis", make_child("1"))
    with index.database.ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE lost RENAME TO disclosed_record"))
    assert lines_of(index) == []
    if index.database.is_postgresql:
        # The line and the record are one transaction there.
        with pytest.raises(NotFoundError):
            read(index, OPERATOR, "sis", "1")
    assert upsert(index, SENDER, "sis", make_child("1")).enterprise_id
    assert len(lines_of(index)) == 1

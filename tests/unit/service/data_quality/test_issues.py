"""Quality issues of records: begun and corrected by loads, reopened by undo, for the data owner alone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import Holdings, SourceKind
from mpi.domain.viewer import Action, Viewer
from mpi.service.data_quality.issue_history import IssueState
from mpi.service.data_quality.issues import IssueFilters, list_issues, read_all_issues, summarize_issues
from mpi.service.holdings.settings import add_source
from mpi.service.loads.load_undo import undo_load
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource
from tests.index import OPERATOR, all_stored_bytes, expunge, load_rows, make_child, many_children

EVERY = IssueFilters(is_open=None)
OWNER = Viewer(
    "olu", "data_quality", frozenset({Action.QUESTION_ANSWER, Action.RECORD_READ}), frozenset({"sis"})
)
SENDER = Viewer("feed", "system_admin", frozenset({Action.LOAD}), frozenset({"sis"}))


def send(index, *records, on: int, source: str = "sis", **options):
    options.setdefault("snapshot", Snapshot.DELTA)
    return load_rows(
        index, source, *records, as_of=datetime(2026, 3, on, tzinfo=UTC), confirm=True, **options
    )


def list_all(index, filters=None, source: str = "sis"):
    return [
        (issue.local_id, issue.span.field, issue.span.kind, issue.span.state.value)
        for issue in read_all_issues(index, OPERATOR, source, filters)
    ]


def only(index, filters=EVERY):
    [issue] = read_all_issues(index, OPERATOR, "sis", filters)
    return issue.span


BAD = make_child(sex="Q")
GOOD = make_child()


def test_an_issue_says_which_load_brought_it_and_which_corrected_it(index):
    first = send(index, BAD, on=1).batch
    again = send(index, BAD, on=2).batch
    opened = only(index)
    assert (opened.field, opened.kind, opened.state) == ("sex", "unknown-code", IssueState.OPEN)
    assert (opened.first_seen[:10], opened.last_seen[:10]) == ("2026-03-01", "2026-03-02")
    assert (opened.load, opened.last_load, opened.ended_load) == (first, again, None)
    third = send(index, GOOD, on=3).batch
    corrected = only(index)
    assert (corrected.state, corrected.ended_load) == (IssueState.CORRECTED, third)
    assert corrected.ended_at[:10] == "2026-03-03"
    assert list_all(index) == []


def test_undo_of_the_load_that_corrected_an_issue_opens_it_again(index):
    send(index, BAD, on=1)
    fix = send(index, GOOD, on=2).batch
    undo_load(index, OPERATOR, fix, "bad-load")
    assert (only(index).state, only(index).ended_load) == (IssueState.OPEN, None)


def test_undo_of_the_load_that_brought_an_issue_removes_it(index):
    send(index, GOOD, on=1)
    bad = send(index, BAD, on=2).batch
    assert list_all(index)
    undo_load(index, OPERATOR, bad, "bad-load")
    assert list_all(index, EVERY) == []


def test_a_file_sent_twice_makes_no_second_issue(index):
    for _ in range(2):
        send(index, BAD, on=1)
    assert len(list_all(index, EVERY)) == 1


def test_a_late_file_begins_an_issue_earlier(index):
    send(index, BAD, on=5)
    late = send(index, BAD, on=2).batch
    assert (only(index).first_seen[:10], only(index).load) == ("2026-03-02", late)


def test_an_issue_that_comes_back_begins_anew(index):
    send(index, BAD, on=1)
    send(index, GOOD, on=2)
    third = send(index, BAD, on=3).batch
    assert (only(index).state, only(index).load, only(index).ended_at) == (IssueState.OPEN, third, None)


def test_an_issue_of_a_withdrawn_record_is_no_longer_open(index):
    send(index, BAD, make_child("2", first_name="Bo"), on=1)
    send(index, make_child("2", first_name="Bo"), on=2, snapshot=Snapshot.FULL)
    assert only(index).state is IssueState.WITHDRAWN
    assert list_all(index) == []


def test_a_record_sent_by_itself_has_issues_too(index):
    upsert(index, OPERATOR, "sis", BAD)
    assert (only(index).load, only(index).state) == (None, IssueState.OPEN)


def test_a_rejected_row_is_open_until_a_later_file_has_it_right(index):
    wrong = {"local_id": "9", "colour": "blue"}
    first = send(index, wrong, GOOD, on=1).batch
    again = send(index, wrong, GOOD, on=2).batch
    [issue] = read_all_issues(index, OPERATOR, "sis")
    assert (issue.local_id, issue.rejected, issue.span.state) == ("9", True, IssueState.OPEN)
    assert (issue.span.load, issue.span.last_load) == (first, again)
    fix = send(index, make_child("9", first_name="Nia"), on=3).batch
    [issue] = read_all_issues(index, OPERATOR, "sis", EVERY)
    assert (issue.span.state, issue.span.ended_load) == (IssueState.CORRECTED, fix)
    undo_load(index, OPERATOR, fix, "bad-load")
    assert [issue.span.state for issue in read_all_issues(index, OPERATOR, "sis")] == [IssueState.OPEN]
    for load in (first, again):
        undo_load(index, OPERATOR, load, "bad-load")
    assert list_all(index, EVERY) == []


def test_pages_join_to_the_whole_list_without_gap_or_repetition(index):
    children = many_children(30)
    send(index, *({**child, "sex": "Q", "phone": "12"} for child in children), on=1)
    send(index, *({"local_id": f"r{number}", "colour": "x"} for number in range(7)), GOOD, on=2)
    whole = list_all(index)
    assert len(whole) == 67
    seen, after = [], None
    while True:
        page = list_issues(index, OPERATOR, "sis", None, after, 5)
        seen += [(issue.local_id, issue.span.field, issue.span.kind) for issue in page.issues]
        after = page.cursor
        if after is None:
            break
    assert seen == [line[:3] for line in whole]
    assert [line[1] for line in list_all(index, IssueFilters(field="phone"))] == ["phone"] * 30


@pytest.mark.parametrize("cursor", ["", "x", "cmVjb3Jk!", "/", "ä"])
def test_a_cursor_that_is_none_is_refused(index, cursor):
    with pytest.raises(InputError, match="after"):
        list_issues(index, OPERATOR, "sis", after=cursor)


def test_numbers_are_of_active_records_with_their_denominator(index):
    send(index, *({**child, "sex": "Q"} for child in many_children(4)), GOOD, on=1)
    summary = summarize_issues(index, OPERATOR, "sis")
    assert [(count.field, count.kind, count.records) for count in summary.counts] == [
        ("sex", "unknown-code", 4)
    ]
    assert (summary.records, summary.may_list) == (5, True)


def test_owner_and_sender_see_their_own_source_and_no_other(index):
    send(index, BAD, on=1)
    send(index, BAD, on=1, source="d02")
    for viewer in (OWNER, SENDER):
        assert [issue.local_id for issue in list_issues(index, viewer, "sis").issues] == ["1"]
        for refused in ("d02", "no-such"):
            with pytest.raises(AccessDenied):
                list_issues(index, viewer, refused)
    with pytest.raises(AccessDenied):
        list_issues(index, replace(OWNER, actions=frozenset({Action.RECORD_READ})), "sis")
    with pytest.raises(NotFoundError):
        list_issues(index, OPERATOR, "no-such")


def test_what_was_listed_stands_on_the_ledger(index):
    send(index, BAD, on=1)
    list_issues(index, OWNER, "sis")
    with index.database.read(OPERATOR) as unit:
        lines = [line for line in unit.disclosures.all() if line.client == "olu"]
    assert [(line.action, line.fields) for line in lines] == [("question.answer", ("local_id", "issues"))]
    assert lines[0].record_ids


def test_sealed_and_expunged_records_have_no_issue(index):
    sealed = make_child("s", sex="Q", first_name="Zed")
    gone = make_child("x-41-gone", sex="Q", first_name="Yan")
    send(index, {**sealed, "colour": "x"}, {**gone, "colour": "x"}, GOOD, on=1)
    send(index, sealed, gone, on=2)
    assert {line[0] for line in list_all(index, EVERY)} == {"s", "x-41-gone"}
    upsert(index, OPERATOR, "sis", {**sealed, "restrictions": [{"kind": "sealed"}]})
    expunge(index, "sis", gone)
    assert list_all(index, EVERY) == []
    # A file that still has the row does not bring its local ID back.
    send(index, {**gone, "colour": "x"}, GOOD, on=4)
    assert list_all(index, EVERY) == []
    assert b"x-41-gone" not in all_stored_bytes(index)


def test_a_source_of_children_in_care_alone_keeps_no_rejected_local_id(index):
    add_source(index, OPERATOR, NewSource("care", kind=SourceKind.CCWIS), Holdings.ALL)
    add_source(index, OPERATOR, NewSource("pupils", kind=SourceKind.SIS), Holdings.LINKED)
    send(index, {"local_id": "p-77-secret", "colour": "x"}, GOOD, on=1, source="pupils")
    assert list_all(index, EVERY, "pupils") == []
    assert b"p-77-secret" not in all_stored_bytes(index)


def test_numbers_of_a_limited_source_are_for_who_may_know_who_is_in_care(index):
    add_source(index, OPERATOR, NewSource("care", kind=SourceKind.CCWIS), Holdings.ALL)
    add_source(index, OPERATOR, NewSource("pupils", kind=SourceKind.SIS), Holdings.LINKED)
    send(index, BAD, on=1, source="care")
    send(index, BAD, on=1, source="pupils")
    assert summarize_issues(index, OPERATOR, "pupils").records == 1
    loader = Viewer("loader", None, frozenset({Action.LOAD}), None, rights=_Rights())
    hidden = summarize_issues(index, loader, "pupils")
    assert (hidden.counts, hidden.records, hidden.may_list) == ((), 0, False)
    assert summarize_issues(index, loader, "care").records == 1
    page = list_issues(index, loader, "care")
    assert (page.issues, page.may_list) == ((), False)


class _Rights:
    """Rights of a caller of all sources who may load, as an operator has them."""

    forbids_redisclosure = False

    def find_refusal(self, *_):
        return None

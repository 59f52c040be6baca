"""Test that the work log of a question shows only to viewers who saw all of it."""

from dataclasses import replace

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ClaimedError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Viewer
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.answers.responses import ResponseOptions, respond_to_question
from mpi.service.review.assignments import assign, claim, escalate, release
from mpi.service.review.question_view import load_question_view
from mpi.service.stewardship.decisions import DecisionRequest, decide, report_link
from mpi.storage.repositories.review.task_work import QuestionAction, QuestionWork
from tests.desk import ANN, CCWIS_OWNER, SIS_STEWARD, only_question, question_keys, similar_child
from tests.index import OPERATOR, load_rows, make_child, many_children

OF_BOTH = Viewer("of-both", None, ANN.actions, frozenset({"sis", "ccwis"}))
SIS_COLLEAGUE = replace(SIS_STEWARD, client="sis-colleague")
CCWIS_STEWARD = replace(SIS_STEWARD, client="ccwis-steward", sources=frozenset({"ccwis"}))
SIS_APPROVER = replace(
    SIS_STEWARD, client="sis-approver", actions=ACTIONS_BY_ROLE[Role.APPROVER] | ACTIONS_BY_ROLE[Role.STEWARD]
)
FIRST, SECOND, HIDDEN = RecordRef("sis", "c0"), RecordRef("sis", "c1"), RecordRef("ccwis", "c50")


@pytest.fixture
def shared_question_key(index):
    """The key of a question in which each agency sees two of its own records."""
    upsert(index, OPERATOR, "sis", make_child("1"))
    for source, local_id, first, last in (
        ("sis", "2", "Amarah", "Okonkwoh"),
        ("ccwis", "3", "Amaro", "Okonkwu"),
        ("ccwis", "4", "Amarix", "Okonkw"),
    ):
        child = make_child(local_id, first_name=first, last_name=last, postal_code=None)
        upsert(index, OPERATOR, source, child)
    [key] = {*question_keys(index, SIS_STEWARD), *question_keys(index, CCWIS_STEWARD)}
    return key


@pytest.fixture
def three_children(index):
    """An index with two children of sis, and one of ccwis loaded between them."""
    first, second = many_children(2)
    load_rows(index, "sis", first)
    load_rows(index, "ccwis", *many_children(1, start=50))
    load_rows(index, "sis", second)
    return index


def report_missed_link(index, *records):
    report_link(index, OPERATOR, DecisionRequest(DecisionKind.SAME, (records,), "missed"))


def decide_in_conflict(index, *joined):
    """Make SAME decisions, and a DIFFERENT decision that contradicts them."""
    for group in joined:
        decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, (group,), "x"))
    decide(index, SIS_STEWARD, DecisionRequest(DecisionKind.DIFFERENT, ((FIRST,), (SECOND,)), "twins"))


def decide_with_recheck(index, *groups):
    decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, groups, "x", recheck_on="2020-01-01"))


HIDDEN_FROM_SIS = {
    "claim": lambda index: report_missed_link(index, FIRST, HIDDEN, SECOND),
    "conflict": lambda index: decide_in_conflict(index, (FIRST, HIDDEN), (HIDDEN, SECOND)),
}


@pytest.mark.parametrize("kind", HIDDEN_FROM_SIS)
def test_question_hidden_while_open_stays_hidden_when_closed(three_children, kind):
    HIDDEN_FROM_SIS[kind](three_children)
    key = only_question(three_children, kind=kind).key
    assert question_keys(three_children, SIS_STEWARD, state=None) == []
    claim(three_children, ANN, key)
    respond_to_question(three_children, ANN, key, "revoke", ResponseOptions("not-so", "secret"))
    assert key in question_keys(three_children, state="closed")
    assert question_keys(three_children, SIS_STEWARD, state="closed") == []
    with pytest.raises(NotFoundError):
        load_question_view(three_children, SIS_STEWARD, key)


QUESTIONS_BY_KIND = {
    "claim": lambda index: report_missed_link(index, FIRST, SECOND),
    "conflict": lambda index: decide_in_conflict(index, (FIRST, HIDDEN), (HIDDEN, SECOND)),
    "recheck": lambda index: decide_with_recheck(index, (FIRST,), (SECOND,)),
    "recheck in part": lambda index: decide_with_recheck(index, (FIRST, HIDDEN), (SECOND,)),
}


@pytest.mark.parametrize("reader", [SIS_STEWARD, OF_BOTH], ids=["of-one", "of-both"])
@pytest.mark.parametrize("kind", QUESTIONS_BY_KIND)
def test_question_seen_while_open_stays_visible_with_its_history(three_children, kind, reader):
    QUESTIONS_BY_KIND[kind](three_children)
    [key] = question_keys(three_children)
    visible_keys = question_keys(three_children, reader)
    claim(three_children, ANN, key)
    respond_to_question(three_children, ANN, key, "revoke", ResponseOptions("not-so"))
    assert question_keys(three_children, reader, state="closed") == visible_keys
    for visible_key in visible_keys:
        history = load_question_view(three_children, reader, visible_key).history
        assert [act.action for act in history if act.actor == "ann"] == ["claim", "answer"]


def test_closing_and_reopening_of_a_hidden_question_is_in_no_visible_history(three_children):
    upsert(three_children, OPERATOR, "sis", similar_child(many_children(1)[0]) | {"local_id": "like"})
    key = only_question(three_children, SIS_STEWARD).key
    with three_children.database.write(CCWIS_OWNER, "test") as unit:
        [hidden] = unit.records.find_by_local_ids(unit.sources.get_by_code("ccwis").id, ["c50"]).values()
        about = {"kind": "pair", "records": [hidden.id], "decisions": {}, "tasks": {}}
        unit.task_work.save(QuestionWork(key, "open", clock.format_timestamp(clock.now()), about=about))
    withdraw(three_children, OPERATOR, "sis", "like")
    assert question_keys(three_children, SIS_STEWARD, state="closed") == []
    upsert(three_children, OPERATOR, "sis", similar_child(many_children(1)[0]) | {"local_id": "like"})
    assert load_question_view(three_children, SIS_STEWARD, key).history == ()
    assert [act.action for act in load_question_view(three_children, ANN, key).history] == [
        "closed",
        "reopened",
    ]


def test_old_log_lines_without_records_show_only_to_viewers_of_all_sources(three_children):
    upsert(three_children, OPERATOR, "sis", similar_child(many_children(1)[0]) | {"local_id": "like"})
    key = only_question(three_children, SIS_STEWARD).key
    with three_children.database.write(ANN, "test") as unit:
        for number, detail in enumerate(({}, {"records": [], "decision": 1}), 1):
            unit.task_work.add_action(
                QuestionAction(number, key, clock.format_timestamp(clock.now()), "ben", "closed", detail)
            )
    assert load_question_view(three_children, SIS_STEWARD, key).history == ()
    assert len(load_question_view(three_children, ANN, key).history) == 2


def test_claim_on_a_hidden_part_is_shown_without_its_owner(index, shared_question_key):
    claim(index, CCWIS_STEWARD, shared_question_key)
    question = only_question(index, SIS_STEWARD, state="claimed")
    assert (question.claimed_by, question.lease_until) == (None, None)
    assert only_question(index, state="claimed").claimed_by == "ccwis-steward"
    with pytest.raises(ClaimedError, match=r"^somebody has claimed the question$") as error:
        claim(index, SIS_STEWARD, shared_question_key)
    assert (error.value.claimed_by, error.value.until) == (None, None)


def test_claim_on_a_visible_question_names_its_owner(index, shared_question_key):
    own_claim = claim(index, SIS_COLLEAGUE, shared_question_key)
    question = only_question(index, SIS_STEWARD, state="claimed")
    assert (question.claimed_by, question.lease_until) == ("sis-colleague", own_claim.lease_until)
    with pytest.raises(ClaimedError, match="'sis-colleague' has claimed the question until"):
        claim(index, SIS_STEWARD, shared_question_key)


def test_assignee_and_due_date_of_a_hidden_part_stay_hidden_during_other_work(index, shared_question_key):
    before = only_question(index, SIS_STEWARD)
    assign(index, CCWIS_STEWARD, shared_question_key, "ccwis-steward", clock.today())
    for _ in range(2):
        limited_view = only_question(index, SIS_STEWARD)
        assert (limited_view.assigned_to, limited_view.due_on) == (None, before.due_on)
        assert question_keys(index, SIS_STEWARD, due=True) == []
        full_view = only_question(index)
        assert (full_view.assigned_to, full_view.due_on) == ("ccwis-steward", clock.today())
        assert (
            question_keys(index, due=True)
            == question_keys(index, CCWIS_STEWARD, due=True)
            == [shared_question_key]
        )
        claim(index, SIS_STEWARD, shared_question_key)
        release(index, SIS_STEWARD, shared_question_key)


def test_escalated_hidden_part_is_listed_for_approvers_who_see_it(index, shared_question_key):
    escalate(index, CCWIS_STEWARD, shared_question_key)
    assert question_keys(index, SIS_APPROVER, mine=True) == []
    assert question_keys(index, replace(SIS_APPROVER, sources=None), mine=True) == [shared_question_key]
    escalate(index, SIS_STEWARD, shared_question_key)
    assert question_keys(index, SIS_APPROVER, mine=True) == [shared_question_key]
